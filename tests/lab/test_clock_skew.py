"""Machines whose clocks differ by an hour: times that matter are Redis' own, so nobody is early, late or dead."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.lab.history import attempts
from tests.support.clocks import shifted_clock
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT, environment

pytestmark = [pytest.mark.lab, pytest.mark.integration]

ONE_SLOT = ("--memory", "2g", "--slots", "1", "--threads", "1")
AHEAD, BEHIND = "+1h", "-1h"


def test_the_clock_of_a_process_is_really_shifted(yard):
    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"],
        env=environment(yard.settings, **shifted_clock(yard.directory, AHEAD)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert abs(float(told) - datetime.now(UTC).timestamp() - 3600) < 60


def test_workers_an_hour_apart_do_everything_once(yard):
    # Given a worker an hour ahead, one an hour behind and one that is right
    slow = yard.model("slow", call_s=0.2)
    with (
        yard.worker("ahead", *ONE_SLOT, **shifted_clock(yard.directory, AHEAD)) as ahead,
        yard.worker("behind", *ONE_SLOT, **shifted_clock(yard.directory, BEHIND)) as behind,
        yard.worker("right", *ONE_SLOT) as right,
    ):
        nodes = {ahead.node, behind.node, right.node}
        job = yard.add(slow, yard.plain_images(180), batch_size=1, task_images=10)
        for node in nodes:
            yard.wait_until_listening(node, job.queue)

        # When they have work for longer than a lease, an advert and a doorbell's patience last
        job.ring()
        lived: set[frozenset[str]] = set()
        wait_until(
            lambda: lived.add(frozenset(advert.node for advert in yard.registry.adverts())) or job.status().ended, 60
        )

        # Then all of them took part, each task was done by the first who took it, and none of them ever counted as gone
        results = job.finished()
        assert all(result.ok for result in results.values())
        assert {result.worker for result in results.values()} == nodes
        wait_until(lambda: len(attempts(job)) == 18, that="the last attempts are closed")
        assert {(attempt.attempt, attempt.verdict) for attempt in attempts(job)} == {(1, None)}
        assert lived == {frozenset(nodes)}
        for worker in (ahead, behind, right):
            assert "without a doorbell" not in worker.log
            assert "no sign of life" not in worker.log


@pytest.mark.parametrize("shift", [AHEAD, BEHIND])
def test_a_producer_an_hour_off_finds_workers_and_gets_its_results(yard, shift):
    yard.model("tiny")
    images = yard.plain_images(3)
    with yard.worker("right", *ONE_SLOT) as right:
        off = environment(yard.settings, **shifted_clock(yard.directory, shift))

        def vedette(*arguments: str) -> str:
            return subprocess.run(
                [sys.executable, "-m", "vedette", *arguments],
                cwd=ROOT,
                env=off,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout

        assert right.node in vedette("fleet")
        assert "tiny" in vedette("models")
        lines = vedette("detect", "--model", "tiny", "--out", "-", *map(str, images)).splitlines()
        assert [json.loads(line)["image"] for line in lines if line] != []
        assert len(lines) == 3


def test_a_queue_stays_in_use_whatever_the_clock_of_who_asks(yard):
    """A worker decides by Redis' clock which queues are in use: one that is two months ahead finds them too."""
    tiny = yard.model("tiny")
    with yard.worker("ahead", *ONE_SLOT, **shifted_clock(yard.directory, "+60d")) as ahead:
        job = yard.submit(tiny, yard.plain_images(2))
        assert {result.worker for result in job.finished().values()} == {ahead.node}
    with yard.worker("right", *ONE_SLOT) as right:
        job = yard.submit(tiny, yard.plain_images(2))
        assert {result.worker for result in job.finished().values()} == {right.node}
    in_two_hours = datetime.now(UTC) + timedelta(hours=2)
    for key in ("vedette:queues", "vedette:models", "vedette:adverts"):
        for member, score in yard.client.zrange(key, 0, -1, withscores=True):
            seconds = score / 1000 if score > 1e11 else score
            assert seconds < in_two_hours.timestamp(), (key, member)
