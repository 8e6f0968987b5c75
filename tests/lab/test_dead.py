"""What dies: slots, workers, machines. With the settings that operators get when they set none."""

import os
import signal
import time

import pytest

from contract.registry import serves
from tests.lab.history import attempts, failures, told
from tests.support.wait import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.integration]

#: Promised from the death of a machine to its tasks' end elsewhere, without their run time.
RECOVERY_S = 30
#: Promised from the death of a slot to the end of its attempt.
DETECTION_S = 6
#: A slot that has not run a model yet loads it first.
LOAD_S = 5


def at_work(job, images=1):
    wait_until(lambda: len(job.results()) >= images, 60, that="a slot is at work")


def test_a_machine_that_dies_at_work(default_yard):
    # Given two workers, one of them in the middle of a task of ten seconds
    slow = default_yard.model("slow", call_s=0.5)
    one_slot = ("--memory", "2g", "--slots", "1", "--threads", "1")
    with default_yard.worker("one", *one_slot) as one, default_yard.worker("two", *one_slot) as two:
        job = default_yard.add(slow, default_yard.plain_images(20), batch_size=1)
        for worker in (one, two):
            default_yard.wait_until_listening(worker.node, job.queue)
        job.ring()
        at_work(job, images=2)
        [task] = default_yard.ledger.tasks(job.name)
        busy = default_yard.ledger.task(task).worker
        dying, survivor = (one, two) if busy == one.node else (two, one)

        # When its machine dies
        killed_s = time.monotonic()
        os.killpg(dying.process.pid, signal.SIGKILL)
        dying.process.wait()
        run_s = 0.5 * (20 - len(job.results()))

        # Then the other one does the rest within the promised time, each image once
        results = job.finished(RECOVERY_S + run_s + LOAD_S)
        took_s = time.monotonic() - killed_s
        assert took_s < RECOVERY_S + run_s + LOAD_S
        assert sorted(results) == list(range(20))
        assert all(result.ok for result in results.values())
        assert {result.worker for result in results.values()} == {dying.node, survivor.node}
        assert told(job) == ["lost: put back unchanged"]


def test_a_slot_that_is_killed_is_noticed_and_replaced(default_yard):
    slow = default_yard.model("slow", call_s=0.5)
    with default_yard.worker("alone", "--memory", "2g", "--slots", "1", "--threads", "1") as worker:
        job = default_yard.submit(slow, default_yard.plain_images(12), batch_size=1)
        at_work(job)
        [slot] = worker.slots()

        # When its slot is killed
        slot.kill()

        # Then the attempt has its verdict, and the task waits again with its bell rung
        wait_until(lambda: failures(job), DETECTION_S, that="the attempt is closed")
        assert told(job) == ["crash: put back unchanged"]
        # And a new slot of the same worker does the rest
        results = job.finished(60)
        assert all(result.ok for result in results.values())
        assert [new.pid for new in worker.slots()] != [slot.pid]
        assert "without a doorbell" not in worker.log
    assert [attempt.verdict for attempt in attempts(job)] == ["crash", None]


def test_an_instruction_that_the_cpu_lacks_ends_the_service_of_that_queue(default_yard):
    # Given a worker whose slot runs into SIGILL
    slow = default_yard.model("slow", call_s=0.5)
    with default_yard.worker("old", "--memory", "2g", "--slots", "1", "--threads", "1") as old:
        job = default_yard.submit(slow, default_yard.plain_images(12), batch_size=1)
        at_work(job)
        [slot] = old.slots()
        slot.send_signal(signal.SIGILL)
        wait_until(lambda: failures(job), DETECTION_S, that="the attempt is closed")

        # Then it says which queue it no longer serves, and why
        assert told(job) == ["cpu: put back unchanged"]
        advert = wait_until(
            lambda: (now := default_yard.advert(old.node)) is not None and now.withdrawn and now, that="it withdraws"
        )
        assert advert.queues == ()
        assert list(advert.withdrawn) == [job.queue]
        assert advert.withdrawn[job.queue].startswith("slow@1: SIGILL: the code has an instruction that this CPU lacks")
        assert not serves(advert, slow.needs)
        done = len(job.results())

        # And leaves the rest to a worker that can
        with default_yard.worker("new", "--memory", "2g", "--slots", "1", "--threads", "1") as new:
            results = job.finished(60)
        assert all(result.ok for result in results.values())
        assert sum(result.worker == new.node for result in results.values()) == 12 - done
        assert old.process.poll() is None


def test_a_container_that_is_stopped_hands_back_before_it_is_killed(default_yard):
    # Given a worker at a batch of five seconds
    slow = default_yard.model("slow", call_s=5)
    with default_yard.worker("leaving", "--memory", "2g", "--slots", "1", "--threads", "1") as leaving:
        job = default_yard.submit(slow, default_yard.plain_images(12), batch_size=4)
        at_work(job)
        wait_until(lambda: len(job.results()) == 4, that="the first batch is recorded")

        # When its container is stopped: SIGTERM, ten seconds later SIGKILL
        leaving.process.terminate()
        wait_until(lambda: leaving.process.poll() is not None, 10, that="the worker has left by itself")

        # Then it has finished its batch and handed back what is left
        assert leaving.process.returncode == 0
        assert len(job.results()) == 8
        [attempt] = attempts(job)
        assert (attempt.verdict, attempt.outcome) == (None, "handed back: the worker is leaving")
        # And the next worker does that alone
        with default_yard.worker("next", "--memory", "2g", "--slots", "1", "--threads", "1") as after:
            results = job.finished(60)
    assert all(result.ok for result in results.values())
    assert sum(result.worker == after.node for result in results.values()) == 4
    assert failures(job) == []
