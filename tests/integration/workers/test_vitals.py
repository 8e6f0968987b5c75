"""What a real worker says of itself: at rest, at work, and after one of its slots was killed."""

import os
import signal

import pytest

from contract.capability import machine_class
from contract.memory import MIB
from contract.vitals import Vitals
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def slow(new_yard):
    return new_yard.model("slow", call_s=1.0)


@pytest.fixture(scope="module")
def worker(new_yard, slow):
    assert slow.ref == "slow@1"  # in the store before the worker looks there
    with new_yard.worker("telling", "--memory", "2g", "--slots", "1", "--threads", "1") as worker:
        yield worker


def vitals_of(yard, worker) -> Vitals | None:
    return next((vitals for advert, vitals in yard.registry.fleet() if advert.node == worker.node), None)


def test_at_rest_at_work_and_after_a_kill(new_yard, slow, worker):
    # Given a worker at rest, which has loaded nothing
    rest = vitals_of(new_yard, worker)
    assert (rest.slots, rest.slots_busy, rest.draining, rest.kills, rest.images) == (1, 0, False, {}, {})
    [slot] = rest.each
    assert (slot.stage, slot.task, slot.models) == ("idle", "", ())
    assert 100 * MIB < slot.memory_bytes < rest.memory_bytes < rest.memory_limit_bytes
    assert rest.up_s > 0

    # When it is at work
    job = new_yard.submit(slow, new_yard.plain_images(12), batch_size=2, task_images=12)

    def at_work() -> Vitals | None:
        now = vitals_of(new_yard, worker)
        return now if now.each and now.each[0].stage == "run" and now.images else None

    busy = wait_until(at_work, that="the worker says what it is at")

    # Then it says so
    [slot] = busy.each
    assert (busy.slots_busy, busy.models, slot.model, slot.queue) == (1, {"slow@1": 1}, "slow@1", "detect.any.512m")
    assert (slot.task, slot.images_held) == (new_yard.ledger.tasks(job.name)[0], 2)
    assert busy.images["slow@1"] >= 2
    assert 0 < busy.images_per_s["slow@1"] < 3

    # And when its slot is killed, the kill is counted, and images that it did stay counted
    os.kill(slot.pid, signal.SIGKILL)
    wait_until(lambda: (vitals_of(new_yard, worker) or busy).kills == {"signal": 1}, that="the kill is told")
    job.finished()
    after = wait_until(
        lambda: now if (now := vitals_of(new_yard, worker)) and now.slots_busy == 0 and now.each else None,
        that="the worker rests again",
    )
    assert after.each[0].pid != slot.pid
    assert 10 <= after.images["slow@1"] <= 12

    # And the ledger's counters tell the same, for longer than the worker lives
    counts = new_yard.ledger.counts(["slow@1"])["slow@1"]
    assert counts.images == {"succeeded": 12}
    assert (counts.batch.sum, counts.seconds.count) == (12, 12)
    assert counts.batch.counts[1] in (5, 6), "calls of two images; after a crash, those that were held come alone"
    assert counts.seconds.sum / counts.seconds.count >= 0.5, "a call of two images takes a second"
    advert = new_yard.advert(worker.node)
    assert advert is not None
    assert {*counts.speeds} == {machine_class(advert.capability)}
    assert counts.speeds[machine_class(advert.capability)][0] == 12
    # With a lease of three seconds, the reconciler of a busy machine may be first.
    assert counts.attempts in ({"crash": 1, "done": 1}, {"lost": 1, "done": 1})
    assert ("crash" in counts.attempts) == (counts.kills == {"signal": 1})
