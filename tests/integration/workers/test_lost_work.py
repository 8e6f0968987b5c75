"""Work that loses its slot, its bell or its purpose: every image has one result, or none when nobody wants it."""

import signal

import psutil
import pytest

from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def slow(new_yard):
    return new_yard.model("slow", call_s=0.25)


@pytest.fixture(scope="module")
def tiny(new_yard):
    return new_yard.model("tiny")


@pytest.fixture(scope="module")
def worker(new_yard, slow, tiny):
    assert {slow.ref, tiny.ref} == {"slow@1", "tiny@1"}  # in the store before the worker looks there
    with new_yard.worker("alone", "--memory", "2g", "--slots", "1", "--threads", "1") as worker:
        yield worker


def verdicts(yard, job):
    return [attempt.verdict for task in yard.ledger.tasks(job.name) for attempt in yard.ledger.history(task)]


def test_a_slot_that_is_killed_at_work_costs_an_attempt_and_no_image(new_yard, slow, worker):
    # Given a slot in the middle of a task
    [slot] = worker.slots()
    job = new_yard.submit(slow, new_yard.plain_images(12), batch_size=1)
    wait_until(lambda: len(job.results()) >= 2, that="the slot is at work")

    # When somebody kills it
    slot.kill()

    # Then the main process sees that, and another slot does the rest, each image once
    results = job.finished(60)
    assert sorted(results) == list(range(12))
    assert all(result.ok for result in results.values())
    # With a lease of three seconds, the reconciler of a busy machine may be first; the lab has the default.
    assert verdicts(new_yard, job) in (["crash", None], ["lost", None])
    assert {result.attempts for result in results.values()} == {1, 2}
    # And the worker lives on with a new slot
    assert worker.process.poll() is None
    assert [new.pid for new in worker.slots()] != [slot.pid]


def test_a_slot_that_freezes_is_fenced_off_when_it_thaws(new_yard, slow, worker):
    # Given a slot that stands still for longer than its lease, as on a machine that swaps or is suspended
    [slot] = worker.slots()
    job = new_yard.submit(slow, new_yard.plain_images(6), batch_size=1)
    [task] = new_yard.ledger.tasks(job.name)
    wait_until(job.results, that="the slot is at work")
    slot.suspend()
    try:
        wait_until(lambda: verdicts(new_yard, job) == ["lost"], 20, that="its lease has run out")
        assert new_yard.ledger.task(task).state == "queued"
    finally:
        # When it goes on
        slot.resume()

    # Then it hears that the task is no longer its own, answers the bell anew, and no image counts twice
    assert sorted(job.finished()) == list(range(6))
    assert verdicts(new_yard, job) == ["lost", None]
    assert f"task {task} attempt 1 stops: fenced" in worker.log


def test_a_bell_that_was_lost_is_rung_again(new_yard, tiny, worker):
    job = new_yard.add(tiny, new_yard.plain_images(4))

    results = job.finished(20)

    assert all(result.ok for result in results.values())
    assert f"task {job.name}-0 waits on detect.any.512m without a doorbell: ringing again" in worker.log


def test_a_queue_that_is_merely_busy_is_not_rung_again(new_yard, slow, tiny, worker):
    # Given more work than is done within the bell's patience of two seconds
    busy = new_yard.submit(slow, new_yard.plain_images(24), batch_size=1)
    waiting = new_yard.submit(tiny, new_yard.plain_images(1))

    busy.finished()
    waiting.finished()

    assert f"task {waiting.name}-0 waits" not in worker.log
    assert verdicts(new_yard, busy) == verdicts(new_yard, waiting) == [None]


@pytest.mark.usefixtures("worker")
def test_a_job_that_is_cancelled_stops_within_seconds_and_records_nothing_more(new_yard, slow, tiny):
    # Given a task of 15 seconds under way
    job = new_yard.submit(slow, new_yard.plain_images(60), batch_size=1, task_images=60)
    wait_until(job.results, that="the slot is at work")

    # When the job is cancelled
    assert new_yard.ledger.cancel_job(job.name) == "open"
    done = len(job.results())

    # Then the slot is free for others soon
    assert len(new_yard.submit(tiny, new_yard.plain_images(1)).finished(4)) == 1
    assert len(job.results()) == done < 20
    assert job.status().state == "cancelled"
    assert job.status().done == done


def test_a_task_that_kills_every_slot_is_given_up_with_its_history(new_yard, slow, worker):
    job = new_yard.submit(slow, new_yard.plain_images(2), batch_size=1)
    for attempt in range(1, new_yard.settings.attempts_max + 1):
        wait_until(
            lambda attempt=attempt: (
                (task := new_yard.ledger.task(f"{job.name}-0")).attempt == attempt and task.state == "running"
            ),
            30,
            that=f"attempt {attempt} has begun",
        )
        for slot in worker.slots():
            slot.kill()

    results = job.finished(30)

    assert set(verdicts(new_yard, job)) <= {"crash", "lost"}
    assert {result.failure.code for result in results.values() if not result.ok} & {"crash", "lost"}
    assert worker.process.poll() is None


def test_a_worker_that_is_asked_to_leave_withdraws_its_advert_and_hands_back_its_work(new_yard, slow, worker):
    # Given a worker that is busy for four seconds
    job = new_yard.submit(slow, new_yard.plain_images(16), batch_size=1)
    wait_until(job.results, 30, that="the slot is at work")

    # When it gets SIGTERM
    worker.process.send_signal(signal.SIGTERM)

    # Then nobody routes to it any more, and it ends itself after the batch that it is at
    wait_until(lambda: new_yard.advert(worker.node) is None, 2, that="the advert is gone")
    assert worker.process.wait(20) == 0
    assert not job.status().ended
    [task] = new_yard.ledger.tasks(job.name)
    [attempt] = new_yard.ledger.history(task)
    assert (attempt.verdict, attempt.outcome) == (None, "handed back: the worker is leaving")
    # And another worker does the rest, each image once
    with new_yard.worker("next", "--memory", "2g", "--slots", "1"):
        results = job.finished()
    assert all(result.ok for result in results.values())
    assert {result.worker.partition("@")[0] for result in results.values()} == {"alone", "next"}
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if worker.node in (process.info["cmdline"] or [])
    ]
