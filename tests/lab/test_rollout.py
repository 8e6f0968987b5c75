"""A rolling restart under load: each worker in turn is asked to leave, or drained, and a new one takes its place."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from contract.model_spec import ModelSpec
from tests.lab.history import attempts
from tests.support.jobs import SubmittedJob
from tests.support.wait import wait_until
from tests.support.yard import Yard

pytestmark = [pytest.mark.lab, pytest.mark.integration]

ONE_SLOT: Final = ("--memory", "2g", "--slots", "1", "--threads", "1")
NAMES: Final = ("a", "b", "c")
#: A worker that is asked to leave does so after the batch it is at, on a busy machine.
LEAVE_S: Final = 20


class Load:
    """Jobs of 24 images, of which a few are always open."""

    def __init__(self, yard: Yard, spec: ModelSpec) -> None:
        self.jobs: list[SubmittedJob] = []
        self.broke: BaseException | None = None
        self._yard = yard
        self._spec = spec
        self._images = yard.plain_images(24)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._submit, name="load")

    def _submit(self) -> None:
        try:
            while not self._enough.wait(0.2):
                if sum(not job.status().ended for job in self.jobs) < 4:
                    self.jobs.append(self._yard.submit(self._spec, self._images, batch_size=2, task_images=12))
        except BaseException as error:
            self.broke = error

    @contextmanager
    def coming_in(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._enough.set()
            self._thread.join()


def test_every_worker_is_replaced_under_load_and_no_attempt_goes_wrong(yard):
    # Given three workers with jobs coming in all the time
    slow = yard.model("slow", call_s=0.2)
    load = Load(yard, slow)
    with ExitStack() as stack:
        old = [stack.enter_context(yard.worker(f"{name}-old", *ONE_SLOT)) for name in NAMES]
        with load.coming_in():
            wait_until(lambda: by(*load.jobs) == {w.node for w in old}, 60)

            # When each in turn is asked to leave, and a new one started
            for name, leaving in zip(NAMES, old, strict=True):
                leaving.process.terminate()
                wait_until(lambda w=leaving: w.process.poll() is not None, LEAVE_S, that=f"{leaving.node} has left")
                assert leaving.process.returncode == 0, leaving.log
                assert yard.advert(leaving.node) is None
                new = stack.enter_context(yard.worker(f"{name}-new", *ONE_SLOT))
                wait_until(lambda w=new: w.node in by(*load.jobs), 60, that=f"{new.node} is at work")

        # Then every image of every job has one result, and it is a good one
        assert load.broke is None
        for job in load.jobs:
            results = job.finished(60)
            assert sorted(results) == list(range(24))
            assert all(result.ok for result in results.values())
        # And no attempt ended but by being done, or by being handed back
        wait_until(lambda: yard.client.zcard("vedette:leases") == 0, that="the last attempts are closed")
        ended = [attempt for job in load.jobs for attempt in attempts(job)]
        assert [attempt for attempt in ended if attempt.verdict is not None] == []
        assert {attempt.outcome for attempt in ended} <= {"", "done", "handed back: the worker is leaving"}
        handed_back = [attempt for attempt in ended if attempt.outcome.startswith("handed back")]
        assert 1 <= len(handed_back) <= len(NAMES)


def test_every_worker_is_drained_and_replaced_under_load_and_no_attempt_is_even_cut_short(yard):
    # Given three workers with jobs coming in all the time
    slow = yard.model("slow", call_s=0.2)
    load = Load(yard, slow)
    with ExitStack() as stack:
        old = [stack.enter_context(yard.worker(name, *ONE_SLOT)) for name in NAMES]
        with load.coming_in():
            wait_until(lambda: by(*load.jobs) == {w.node for w in old}, 60)

            # When each in turn is drained to its end, and started again under its name
            for name, leaving in zip(NAMES, old, strict=True):
                drained = vedette(yard, "drain", name, "--stop", "--wait", "--timeout", "60", "--json")
                assert json.loads(drained) == {"worker": leaving.node, "state": "left", "busy": None}
                wait_until(lambda w=leaving: w.process.poll() is not None, LEAVE_S, that=f"{leaving.node} has ended")
                assert leaving.process.returncode == 0, leaving.log
                done_before = {index for index, job in enumerate(load.jobs) if job.status().ended}
                new = stack.enter_context(yard.worker(name, *ONE_SLOT))
                wait_until(
                    lambda w=new, old=done_before: any(
                        w.node in by(job) for index, job in enumerate(load.jobs) if index not in old
                    ),
                    60,
                    that=f"{new.node} is at work again",
                )

        # Then every image of every job has one result, and it is a good one
        assert load.broke is None
        assert len(load.jobs) > len(NAMES)
        for job in load.jobs:
            results = job.finished(60)
            assert sorted(results) == list(range(24))
            assert all(result.ok for result in results.values())
        # And every task took one attempt, which was not cut short: nothing was computed twice
        wait_until(lambda: yard.client.zcard("vedette:leases") == 0, that="the last attempts are closed")
        ended = [attempts_of(job) for job in load.jobs]
        assert {outcome for outcomes in ended for task in outcomes for outcome in task} == {"done"}
        assert {len(task) for outcomes in ended for task in outcomes} == {1}


def attempts_of(job: SubmittedJob) -> list[list[str]]:
    """What followed from each attempt, of each task."""
    return [[attempt.outcome for attempt in job.ledger.history(task)] for task in job.ledger.tasks(job.name)]


def vedette(yard: Yard, *arguments: str) -> str:
    command = [sys.executable, "-m", "vedette", *arguments]
    environment = {**os.environ, "VEDETTE_REDIS_URL": yard.settings.redis_url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by(*jobs: SubmittedJob) -> set[str]:
    return {result.worker or "" for job in jobs for result in job.results().values()}
