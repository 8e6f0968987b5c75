"""Many callers with an image each: they share model calls, and nothing else."""

import os
import signal
from contextlib import suppress

import pytest

from tests.support.wait import wait_until
from workers.memory.blackbox import read_all

pytestmark = pytest.mark.integration

BATCH = 8
TOGETHER = "put back unchanged: it ran together with others"


@pytest.fixture(scope="module")
def slow(new_yard):
    return new_yard.model("slow", call_s=0.6)


@pytest.fixture(scope="module")
def tiny(new_yard):
    return new_yard.model("tiny")


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("boxes")


@pytest.fixture(scope="module")
def worker(new_yard, slow, tiny, temporary):
    assert {slow.ref, tiny.ref} == {"slow@1", "tiny@1"}  # in the store before the worker looks there
    with new_yard.worker("one", "--memory", "2g", "--slots", "1", "--threads", "1", TMPDIR=str(temporary)) as worker:
        new_yard.submit(slow, new_yard.plain_images(1)).finished(60)
        yield worker


@pytest.fixture
def callers(new_yard, slow, worker):
    """Jobs of one image each that came while the slot was at work; it is when they are handed over."""
    assert worker.process.poll() is None

    def submit(images, spec=slow):
        busy = new_yard.submit(slow, new_yard.plain_images(3), batch_size=1)
        wait_until(busy.results, 60, that="the slot is at work")
        return [new_yard.submit(spec, [image], batch_size=BATCH) for image in images]

    return submit


def calls(yard):
    return yard.ledger.counts(["slow@1"])["slow@1"].batch.count


def running(yard, jobs):
    return [job for job in jobs if yard.ledger.task(f"{job.name}-0").state == "running"]


def history(yard, job):
    return [(attempt.verdict, attempt.outcome) for attempt in yard.ledger.history(f"{job.name}-0")]


def test_callers_share_calls_and_each_has_its_own_result(new_yard, callers, worker):
    # Given thirty, one of them with a bad image
    images = new_yard.plain_images(30)
    images[4].write_bytes(b"no image")
    before = calls(new_yard)
    callers_of = dict(zip(callers(images), images, strict=True))
    jobs = [*callers_of]
    bad = jobs.pop(4)

    # When one of those that are under way is cancelled
    gone = wait_until(lambda: running(new_yard, jobs)[-1:], 60, that="a run of several is under way")[0]
    assert new_yard.ledger.cancel_job(gone.name) == "open"
    jobs.remove(gone)

    # Then each of the others has its result, once, and its own
    results = [job.finished(60)[0] for job in jobs]
    assert [(result.ok, result.attempts) for result in results] == [(True, 1)] * 28
    assert [result.image for result in results] == [callers_of[job].name for job in jobs]
    assert bad.finished(60)[0].failure.code == "image_not_an_image"
    assert gone.results() == {}
    # In fewer calls than images
    assert max(result.batch_size for result in results) == BATCH
    assert calls(new_yard) - before - 3 <= 8
    # And each has a history and, soon, lines of its own
    assert [history(new_yard, job) for job in jobs] == [[(None, "done")]] * 28
    lines = [f"task {job.name}-0 attempt 1 done: 1 succeeded, 0 failed" for job in jobs]
    lines += [f"task {bad.name}-0 attempt 1 done: 0 succeeded, 1 failed"]
    wait_until(lambda: [worker.log.count(line) for line in lines] == [1] * 29, that="each is told of")
    # And bells that came too late are no news
    assert "nothing to do (together)" not in worker.log
    assert new_yard.client.zcard("vedette:leases") == 0


def test_a_slot_that_dies_in_a_shared_run_costs_each_an_attempt_and_nobody_an_image(new_yard, callers, worker):
    jobs = callers(new_yard.plain_images(12))
    together = wait_until(lambda: len(found := running(new_yard, jobs)) > 1 and found, 60, that="a shared run")
    [slot] = worker.slots()

    slot.kill()

    results = [job.finished(60)[0] for job in jobs]
    assert all(result.ok for result in results)
    assert {result.attempts for job, result in zip(jobs, results, strict=True) if job in together} == {2}
    # Each of them ran alone afterwards, and nobody was blamed
    for job in together:
        wait_until(lambda job=job: len(history(new_yard, job)) == 2, that="it is closed")
        [(verdict, outcome), done] = history(new_yard, job)
        assert (verdict in ("crash", "lost"), done) == (True, (None, "done"))
        assert outcome == (TOGETHER if verdict == "crash" else "put back unchanged")
    assert {result.batch_size for job, result in zip(jobs, results, strict=True) if job in together} == {1}
    assert worker.process.poll() is None


def test_a_poisonous_image_among_them_is_given_up_alone(new_yard, callers, temporary, worker):
    # Given a hand that ends the slot whenever it runs the poisonous image, alone or with others
    jobs = callers(new_yard.plain_images(10))
    poison = jobs[3]
    [boxes] = temporary.glob("vedette-*")

    def ended():
        for entry in read_all(boxes):
            if entry.stage == "run" and f"{poison.name}-0" in (entry.task, *entry.companions):
                with suppress(ProcessLookupError):
                    os.kill(entry.pid, signal.SIGSEGV)
        return poison.status().ended

    wait_until(ended, 120, that="it is given up")

    # Then it is the only one that failed
    assert poison.finished()[0].failure.code == "crash"
    assert len(history(new_yard, poison)) == 3
    for job in jobs:
        if job is not poison:
            assert job.finished(60)[0].ok
            assert len(history(new_yard, job)) <= 2
    assert worker.process.poll() is None


def test_work_of_another_model_is_overtaken_by_one_batch_at_most(new_yard, callers, slow, tiny, worker):
    # Given one of another model between one caller and many
    jobs = callers(new_yard.plain_images(1))
    other = new_yard.submit(tiny, new_yard.plain_images(1))
    jobs += [new_yard.submit(slow, [image], batch_size=BATCH) for image in new_yard.plain_images(20)]

    for job in (other, *jobs):
        job.finished(60)

    before = [job for job in jobs if job.status().finished <= other.status().finished]
    assert 1 <= len(before) <= BATCH
    assert worker.process.poll() is None
