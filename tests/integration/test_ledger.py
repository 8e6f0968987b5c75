"""The ledger against a real Redis: nothing is lost, nothing is counted twice, nothing stays for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import redis

from contract import keys
from contract.connection import connect
from contract.errors import JobClosed, JobUnknown
from contract.ledger import Claim, Ledger, PutBack, Sealed
from contract.settings import Settings
from tests.support.builders import MODEL, found, image_refs, not_processed, options
from tests.support.ledger_calls import (
    BIGGER,
    JOB,
    QUEUE,
    TASK,
    TwiceRedis,
    claimed,
    close,
    ended,
    record,
    submit,
)
from tests.support.protocol import documented_patterns
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def hasty_ledger(redis_client: redis.Redis, settings: Settings) -> Ledger:
    """A ledger whose leases end after 0.2 s."""
    return Ledger(redis_client, settings.model_copy(update={"lease": timedelta(seconds=0.2)}))


def test_a_job_from_submission_to_its_last_result(ledger):
    # Given a job of two tasks
    before = datetime.now(UTC) - timedelta(seconds=5)
    ledger.create_job(JOB, options(), QUEUE)
    ledger.add_task(JOB, TASK, QUEUE, 8, image_refs(2))
    ledger.add_task(JOB, "task-2", QUEUE, 4, image_refs(1, start=2))
    ledger.seal_job(JOB)
    assert ledger.tasks(JOB) == [TASK, "task-2"]

    # When a worker claims the first
    claim = ledger.claim(JOB, TASK, "small@yard")

    # Then it gets images, options and a fencing number
    assert claim == Claim(
        job=JOB,
        task=TASK,
        attempt=1,
        queue=QUEUE,
        batch_size=8,
        options=options(),
        images=tuple(image_refs(2)),
    )
    running = ledger.task(TASK)
    assert (running.state, running.worker, running.attempt, running.model) == ("running", "small@yard", 1, MODEL)

    # When everything has its result, one of them a failure
    assert record(ledger, claim, 0, 1) == "recorded"
    assert close(ledger, claim) == "done"
    last = ledger.claim(JOB, "task-2", "small@yard")
    assert last.batch_size == 4
    assert ledger.record(JOB, "task-2", 1, [(2, not_processed("00002.jpg"))]) == "recorded"
    assert close(ledger, last) == "done"

    # Then the job is done, by Redis' clock, with exact counts
    status = ledger.status(JOB)
    assert (status.state, status.sealed, status.total, status.succeeded, status.failed) == ("done", True, 3, 2, 1)
    assert (status.model, status.queue, status.done, status.ended) == (MODEL, QUEUE, 3, True)
    assert before < status.created <= status.finished < datetime.now(UTC) + timedelta(seconds=5)
    assert [(index, result.ok) for index, result in ledger.results(JOB)] == [(0, True), (1, True), (2, False)]


# Claims


def test_of_many_slots_that_race_for_a_task_one_gets_it(settings):
    # Given ten slots with connections of their own
    with _ledgers(settings, 10) as ledgers:
        submit(ledgers[0])

        # When all hear the same bell
        answers = _at_once([lambda own=own: own.claim(JOB, TASK, "w") for own in ledgers])

    # Then one has the task, the others hear that it runs
    refused = [answer for answer in answers if isinstance(answer, str)]
    assert refused == ["running"] * 9


def test_a_late_or_doubled_bell_is_told_why_there_is_nothing_to_do(ledger):
    submit(ledger, images=1)
    claim = claimed(ledger)
    assert ledger.claim(JOB, TASK, "late@yard") == "running"

    record(ledger, claim, 0)
    close(ledger, claim)

    assert ledger.claim(JOB, TASK, "late@yard") == "done"
    assert ledger.claim(JOB, "task-9", "late@yard") == "unknown"
    assert ledger.claim("job-9", TASK, "late@yard") == "unknown"
    assert ledger.task(TASK).attempt == 1


def test_a_task_with_images_left_is_handed_out_again_with_only_those(ledger):
    # Given an attempt that recorded two of four images
    submit(ledger)
    first = claimed(ledger)
    record(ledger, first, 0, 2)

    # When it is closed: smaller, elsewhere
    assert close(ledger, first, queue=BIGGER, batch_size=4) == "queued"

    # Then the next claim gets the other two, under the new number, and the record says where
    waiting = ledger.task(TASK)
    assert (waiting.state, waiting.queue, waiting.batch_size) == ("queued", BIGGER, 4)
    second = claimed(ledger, "large@yard")
    assert [image.index for image in second.images] == [1, 3]
    assert [image.index for image in ledger.images_left(TASK)] == [1, 3]
    assert (second.attempt, second.queue, second.batch_size) == (2, BIGGER, 4)


def test_a_queue_that_a_task_is_put_back_on_comes_into_use(ledger, registry):
    # Or no worker would listen to it.
    submit(ledger)
    assert registry.queues_in_use() == [QUEUE]

    close(ledger, claimed(ledger), queue=BIGGER)

    assert sorted(registry.queues_in_use()) == [BIGGER, QUEUE]


def test_closed_attempts_are_kept_in_the_history(ledger):
    submit(ledger, images=1)
    first = claimed(ledger)
    failed = ended(
        first, verdict="memory", detail="SIGKILL, 1.9 of 2.0 GiB", outcome="batch 8 → 4", peak_bytes=2040109465
    )
    ledger.close(JOB, TASK, failed, PutBack(QUEUE, 4))
    second = claimed(ledger)
    record(ledger, second, 0)
    done = ended(second)
    ledger.close(JOB, TASK, done, PutBack(QUEUE, 4))

    history = ledger.history(TASK)
    assert [attempt.model_copy(update={"seconds": None}) for attempt in history] == [failed, done]
    assert all(attempt.seconds is not None and 0 <= attempt.seconds < 60 for attempt in history)


# Results


def test_a_repeated_image_changes_nothing(ledger):
    submit(ledger, images=2)
    claim = claimed(ledger)
    record(ledger, claim, 0)

    # When the same image comes again, with another content
    again = ledger.record(JOB, TASK, claim.attempt, [(0, not_processed("00000.jpg")), (1, found("00001.jpg"))])

    # Then the first result stands and counts once
    assert again == "recorded"
    assert [(index, result.ok) for index, result in ledger.results(JOB)] == [(0, True), (1, True)]
    status = ledger.status(JOB)
    assert (status.succeeded, status.failed) == (2, 0)


def test_counters_are_exact_when_the_same_images_are_recorded_at_once(settings):
    # Given eight connections that all record the same fifty images, each in an order of its own
    with _ledgers(settings, 8) as ledgers:
        submit(ledgers[0], images=50)
        claim = claimed(ledgers[0])

        def record_all(own: Ledger, step: int) -> None:
            for number in range(50):
                record(own, claim, (number * step) % 50)

        # When they do so at once: 3, 7, … have no factor in common with 50
        steps = (1, 3, 7, 9, 11, 13, 17, 19)
        _at_once([lambda own=own, step=step: record_all(own, step) for own, step in zip(ledgers, steps, strict=True)])

        # Then each image counts once, and the job is done
        status = ledgers[0].status(JOB)
        assert (status.succeeded, status.failed, status.state) == (50, 0, "done")
        assert sorted(index for index, _ in ledgers[0].results(JOB)) == list(range(50))


def test_results_are_paged_in_the_order_of_completion(ledger):
    submit(ledger, images=5)
    claim = claimed(ledger)
    record(ledger, claim, 3)
    record(ledger, claim, 0, 4)

    assert [index for index, _ in ledger.results(JOB)] == [3, 0, 4]
    assert [index for index, _ in ledger.results(JOB, cursor=0, count=2)] == [3, 0]
    assert [index for index, _ in ledger.results(JOB, cursor=2, count=2)] == [4]
    assert ledger.results(JOB, cursor=3) == []

    record(ledger, claim, 2)
    assert [index for index, _ in ledger.results(JOB, cursor=3)] == [2]


def test_a_job_is_done_only_when_it_is_sealed(ledger):
    # Given a job that still grows, with a result for everything so far
    submit(ledger, images=1, sealed=False)
    record(ledger, claimed(ledger), 0)
    assert (ledger.status(JOB).state, ledger.status(JOB).sealed) == ("open", False)

    # When it is sealed
    ledger.seal_job(JOB)

    # Then it is done
    status = ledger.status(JOB)
    assert (status.state, status.sealed) == ("done", True)
    assert status.finished is not None


def test_a_sealed_job_is_open_until_its_last_image(ledger):
    submit(ledger, images=2)
    claim = claimed(ledger)
    record(ledger, claim, 1)
    assert ledger.status(JOB).state == "open"
    assert ledger.status(JOB).finished is None

    record(ledger, claim, 0)
    assert ledger.status(JOB).state == "done"


def test_a_job_that_has_lost_images_is_not_sealed(ledger):
    submit(ledger, images=3, sealed=False)

    assert ledger.seal_job(JOB, images=4) == Sealed(images=3, replicas=0)
    assert not ledger.status(JOB).sealed

    assert ledger.seal_job(JOB, images=3).images == 3
    assert ledger.status(JOB).sealed
    assert ledger.seal_job(JOB, images=3).images == 3  # asked again, for the answer was lost


def test_a_redis_without_replicas_says_that_none_has_the_job(ledger):
    submit(ledger, images=3, sealed=False)

    assert ledger.seal_job(JOB, images=3, replicas=1) == Sealed(images=3, replicas=0)
    assert ledger.status(JOB).sealed
    with pytest.raises(JobUnknown):
        ledger.seal_job("no-such-job", replicas=1)


def test_a_job_without_images_is_done_when_it_is_sealed(ledger):
    ledger.create_job(JOB, options(), QUEUE)
    ledger.seal_job(JOB)

    assert ledger.status(JOB).state == "done"
    assert ledger.results(JOB) == []


# Fencing


def test_a_late_attempt_can_neither_record_nor_close_nor_renew(ledger):
    # Given a slot that was thought dead: its task was closed for it and runs elsewhere
    submit(ledger, images=2)
    late = claimed(ledger, "frozen@yard")
    close(ledger, late)
    current = claimed(ledger, "large@yard")

    # When it wakes up
    assert record(ledger, late, 0) == "fenced"
    assert ledger.renew(late) == "fenced"
    assert close(ledger, late) == "fenced"

    # Then nothing of it counts, and the current attempt goes on
    assert ledger.status(JOB).done == 0
    assert ledger.results(JOB) == []
    assert len(ledger.history(TASK)) == 1
    assert ledger.renew(current) == "held"
    assert record(ledger, current, 0, 1) == "recorded"
    assert close(ledger, current) == "done"


def test_an_attempt_closed_by_somebody_else_is_fenced_before_the_next_claim(ledger):
    submit(ledger, images=1)
    claim = claimed(ledger)
    close(ledger, claim)

    assert record(ledger, claim, 0) == "fenced"
    assert ledger.renew(claim) == "fenced"
    assert close(ledger, claim) == "fenced"
    assert ledger.task(TASK).state == "queued"


def test_a_result_for_a_job_that_is_gone_leaves_no_half_a_job_behind(ledger, redis_client):
    submit(ledger, images=2)
    claim = claimed(ledger)
    redis_client.delete(keys.job(JOB))

    assert record(ledger, claim, 0) == "fenced"

    assert not redis_client.exists(keys.job(JOB), keys.job_results(JOB), keys.job_order(JOB))
    with pytest.raises(JobUnknown, match="job-1"):
        ledger.status(JOB)


# Cancelling


def test_a_cancelled_job_hands_out_and_takes_nothing_more(ledger):
    # Given a job with one task running and one waiting
    submit(ledger, sealed=False)
    ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(1, start=4))
    claim = claimed(ledger)
    record(ledger, claim, 0)

    # When it is cancelled
    assert ledger.cancel_job(JOB) == "open"

    # Then the running slot hears it at every word, and nobody else gets anything
    assert ledger.renew(claim) == "cancelled"
    assert record(ledger, claim, 1) == "cancelled"
    assert close(ledger, claim) == "cancelled"
    assert ledger.claim(JOB, TASK, "w") == "cancelled"
    assert ledger.claim(JOB, "task-2", "w") == "cancelled"
    with pytest.raises(JobClosed, match="takes no more images"):
        ledger.add_task(JOB, "task-3", QUEUE, 8, image_refs(1, start=5))

    # And what was there before stays, with the job ended and off the reconciler's lists
    status = ledger.status(JOB)
    assert (status.state, status.succeeded, status.total, status.ended) == ("cancelled", 1, 5, True)
    assert status.finished is not None
    assert [index for index, _ in ledger.results(JOB)] == [0]
    assert ledger.expired() == []
    assert ledger.silent(timedelta(0)) == []


def test_renewing_does_not_bring_the_lease_of_a_cancelled_task_back(ledger, redis_client):
    submit(ledger)
    claim = claimed(ledger)
    ledger.cancel_job(JOB)
    ledger.renew(claim)

    assert redis_client.zcard(keys.LEASES) == 0


def test_cancelling_says_what_the_job_was_before(ledger):
    submit(ledger, images=1)
    assert ledger.cancel_job(JOB) == "open"
    assert ledger.cancel_job(JOB) == "cancelled"

    ledger.create_job("job-2", options(), QUEUE)
    ledger.seal_job("job-2")
    assert ledger.cancel_job("job-2") == "done"
    assert ledger.status("job-2").state == "done"


def test_sealing_a_cancelled_job_leaves_it_cancelled(ledger):
    ledger.create_job(JOB, options(), QUEUE)
    ledger.cancel_job(JOB)

    ledger.seal_job(JOB)

    assert ledger.status(JOB).state == "cancelled"


def test_a_sealed_job_takes_no_more_images(ledger):
    submit(ledger)

    with pytest.raises(JobClosed, match=r"job-1 takes no more images: it was sealed"):
        ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(1, start=4))

    assert ledger.status(JOB).total == 4
    assert ledger.tasks(JOB) == [TASK]


def test_an_unknown_job_is_said_to_be_unknown(ledger):
    for ask in (ledger.status, ledger.seal_job, ledger.cancel_job):
        with pytest.raises(JobUnknown, match=r"unknown job 'job-9': it was never submitted here"):
            ask("job-9")
    with pytest.raises(JobClosed):
        ledger.add_task("job-9", TASK, QUEUE, 8, image_refs(1))
    assert ledger.task(TASK) is None
    assert ledger.results("job-9") == []
    assert ledger.history(TASK) == []


# A call whose answer was lost is sent again by redis-py: it must not count twice.


def test_a_task_that_is_added_twice_counts_once(ledger):
    submit(ledger, sealed=False)

    ledger.add_task(JOB, TASK, QUEUE, 8, image_refs(4))

    assert ledger.status(JOB).total == 4
    assert ledger.tasks(JOB) == [TASK]


def test_a_task_that_runs_already_is_not_put_back_by_adding_it_again(ledger):
    submit(ledger, sealed=False)
    claim = claimed(ledger)
    record(ledger, claim, 0)

    ledger.add_task(JOB, TASK, QUEUE, 8, image_refs(4))

    assert ledger.task(TASK).state == "running"
    assert [image.index for image in ledger.images_left(TASK)] == [1, 2, 3]
    assert ledger.renew(claim) == "held"


def test_a_job_that_is_created_twice_the_same_way_is_one_job(ledger):
    ledger.create_job(JOB, options(), QUEUE)
    created = ledger.status(JOB).created

    ledger.create_job(JOB, options(), QUEUE)
    assert ledger.status(JOB).created == created

    with pytest.raises(JobClosed, match="exists already"):
        ledger.create_job(JOB, options(batch_size=1), QUEUE)


def test_a_whole_job_counts_right_when_every_call_is_sent_twice(redis_url, settings):
    with TwiceRedis.from_url(redis_url, decode_responses=True) as client:
        ledger = Ledger(client, settings)
        submit(ledger, images=4)

        # Given an attempt that records some images and puts the rest back
        first = claimed(ledger)
        assert (first.attempt, len(first.images)) == (1, 4)
        assert record(ledger, first, 0, 1) == "recorded"
        close(ledger, first, batch_size=2)
        assert ledger.task(TASK).state == "queued"

        # When the next one does the rest
        second = claimed(ledger)
        assert (second.attempt, [image.index for image in second.images]) == (2, [2, 3])
        assert record(ledger, second, 2, 3) == "recorded"
        close(ledger, second)

        # Then nothing was counted twice
        status = ledger.status(JOB)
        assert (status.total, status.succeeded, status.state) == (4, 4, "done")
        assert [attempt.attempt for attempt in ledger.history(TASK)] == [1, 2]
        assert ledger.tasks(JOB) == [TASK]
        assert len(ledger.results(JOB)) == 4


def test_another_claim_of_the_same_worker_is_another_claim(ledger):
    # Two slots of one worker hear a bell that was rung twice.
    submit(ledger)
    claimed(ledger, "small@yard")

    assert ledger.claim(JOB, TASK, "small@yard") == "running"


# Leases and bells


def test_a_lease_that_is_not_renewed_runs_out_by_redis_clock(hasty_ledger):
    submit(hasty_ledger)
    claimed(hasty_ledger)
    assert hasty_ledger.expired() == []

    wait_until(lambda: hasty_ledger.expired() == [TASK], timeout_s=3, that="the lease runs out")


def test_a_lease_that_is_renewed_holds(hasty_ledger):
    submit(hasty_ledger)
    claim = claimed(hasty_ledger)

    # Given renewals over twice the lease
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        assert hasty_ledger.renew(claim) == "held"
        assert hasty_ledger.expired() == []
        time.sleep(0.01)

    # When they stop, then the lease runs out
    wait_until(lambda: hasty_ledger.expired() == [TASK], timeout_s=3, that="the lease runs out")


def test_a_closed_attempt_has_no_lease(hasty_ledger, redis_client):
    submit(hasty_ledger)
    close(hasty_ledger, claimed(hasty_ledger))

    assert redis_client.zcard(keys.LEASES) == 0


def test_a_queued_task_is_silent_after_a_while_until_its_bell_rings_again(ledger):
    submit(ledger)
    patience = timedelta(seconds=0.15)
    assert ledger.silent(patience) == []

    wait_until(lambda: ledger.silent(patience) == [TASK], timeout_s=3, that="the bell counts as silent")
    ledger.rung(TASK, QUEUE)

    assert ledger.silent(patience) == []
    assert ledger.silent(timedelta(0)) == [TASK]


def test_a_running_task_has_no_bell_and_a_task_put_back_has_one(ledger):
    submit(ledger)
    claim = claimed(ledger)
    assert ledger.silent(timedelta(0)) == []
    ledger.rung(TASK, QUEUE)
    assert ledger.silent(timedelta(0)) == [], "a bell rung late must not list a running task"

    close(ledger, claim)
    assert ledger.silent(timedelta(0)) == [TASK]

    claim = claimed(ledger)
    record(ledger, claim, 0, 1, 2, 3)
    close(ledger, claim)
    assert ledger.silent(timedelta(0)) == []


def test_the_longest_overdue_come_first_and_no_more_than_asked_for(hasty_ledger):
    hasty_ledger.create_job(JOB, options(), QUEUE)
    for number in range(4):
        hasty_ledger.add_task(JOB, f"task-{number}", QUEUE, 8, image_refs(1, start=number))
        time.sleep(0.005)
    for number in (2, 0, 3, 1):
        hasty_ledger.claim(JOB, f"task-{number}", "w")
        time.sleep(0.005)

    wait_until(lambda: len(hasty_ledger.expired()) == 4, timeout_s=3, that="all leases run out")

    assert hasty_ledger.expired(count=3) == ["task-2", "task-0", "task-3"]


def test_bells_are_listed_the_longest_silent_first(ledger):
    ledger.create_job(JOB, options(), QUEUE)
    for number in range(3):
        ledger.add_task(JOB, f"task-{number}", QUEUE, 8, image_refs(1, start=number))
        time.sleep(0.005)
    ledger.rung("task-0", QUEUE)

    assert ledger.silent(timedelta(0)) == ["task-1", "task-2", "task-0"]
    assert ledger.silent(timedelta(0), count=1) == ["task-1"]


def test_a_task_whose_record_has_expired_is_forgotten(hasty_ledger, redis_client):
    # Given one task overdue and one silent, whose records are gone
    submit(hasty_ledger, sealed=False)
    hasty_ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(1, start=4))
    claimed(hasty_ledger)
    redis_client.delete(keys.task(TASK), keys.task("task-2"))
    wait_until(lambda: hasty_ledger.expired() == [TASK], timeout_s=3, that="the lease runs out")
    assert hasty_ledger.silent(timedelta(0)) == ["task-2"]
    assert hasty_ledger.task(TASK) is None

    # When the reconciler forgets them
    hasty_ledger.forget(TASK)
    hasty_ledger.forget("task-2")

    # Then they are on no list
    assert hasty_ledger.expired() == []
    assert hasty_ledger.silent(timedelta(0)) == []


# Keys


def test_every_key_of_a_whole_job_is_documented_and_has_a_lifetime(ledger, redis_client, settings):
    # Given everything that a job can do: tasks waiting, running, put back, done, and a second job cancelled
    submit(ledger, sealed=False)
    for number in (2, 3):
        ledger.add_task(JOB, f"task-{number}", QUEUE, 8, image_refs(4, start=4 * (number - 1)))
    done = claimed(ledger)
    record(ledger, done, 0, 1, 2, 3)
    close(ledger, done)
    ledger.claim(JOB, "task-2", "w")
    close(ledger, ledger.claim(JOB, "task-3", "w"), queue=BIGGER)
    ledger.rung("task-3", BIGGER)
    ledger.seal_job(JOB)
    ledger.create_job("job-2", options(), QUEUE)
    ledger.add_task("job-2", "task-4", QUEUE, 8, image_refs(1))
    ledger.cancel_job("job-2")

    # When one looks at what is in Redis
    there_are = sorted(redis_client.scan_iter())

    # Then each key ends by itself, within its setting, and stands in the protocol
    longest_s = settings.registry_lifetime.total_seconds()
    assert {key: redis_client.ttl(key) for key in there_are if not 0 < redis_client.ttl(key) <= longest_s} == {}
    patterns = documented_patterns()
    assert [key for key in there_are if not any(pattern.fullmatch(key) for pattern in patterns)] == []
    # And no key of the ledger escaped this test
    assert {
        keys.job(JOB),
        keys.job_tasks(JOB),
        keys.job_results(JOB),
        keys.job_order(JOB),
        keys.task("task-3"),
        keys.task_images("task-3"),
        keys.task_history("task-3"),
        keys.LEASES,
        keys.bells(BIGGER),
        keys.QUEUES,
    } <= set(there_are)


def test_after_no_step_is_there_a_key_without_a_lifetime(ledger, redis_client):
    # A producer or a worker may die after any of them.
    def without_lifetime() -> list[str]:
        return [key for key in redis_client.scan_iter() if redis_client.ttl(key) < 0]

    ledger.create_job(JOB, options(), QUEUE)
    assert without_lifetime() == []
    ledger.add_task(JOB, TASK, QUEUE, 8, image_refs(4))
    assert without_lifetime() == []
    ledger.seal_job(JOB)
    claim = claimed(ledger)
    assert without_lifetime() == []
    record(ledger, claim, 0)
    assert without_lifetime() == []
    ledger.renew(claim)
    close(ledger, claim)
    assert without_lifetime() == []
    ledger.rung(TASK, QUEUE)
    ledger.cancel_job(JOB)
    assert without_lifetime() == []


def test_sealing_prolongs_the_job(ledger, redis_client, settings):
    submit(ledger, sealed=False)
    redis_client.expire(keys.job(JOB), 5)

    ledger.seal_job(JOB)

    assert redis_client.ttl(keys.job(JOB)) > settings.result_lifetime.total_seconds() - 5


@pytest.mark.parametrize("step", ["claim", "record", "close"])
def test_what_happens_to_a_task_prolongs_everything_that_it_still_needs(ledger, redis_client, settings, step):
    # Given a task of a job that was submitted long ago: its keys are about to end
    submit(ledger)
    claim = None if step == "claim" else claimed(ledger)
    needed = [keys.job(JOB), keys.task(TASK), keys.task_images(TASK)]
    for key in needed:
        redis_client.expire(key, 5)

    # When something happens to it
    if step == "claim":
        claimed(ledger)
    elif step == "record":
        record(ledger, claim, 0)
    else:
        close(ledger, claim)

    # Then it has its whole lifetime again: no image can vanish between two attempts
    whole_s = settings.result_lifetime.total_seconds()
    assert {key: redis_client.ttl(key) for key in needed if redis_client.ttl(key) < whole_s - 5} == {}


def test_a_task_of_ten_thousand_images(ledger):
    # Given the most that the settings allow in one task
    submit(ledger, images=10_000)

    # When it is claimed, recorded in one call and closed
    claim = claimed(ledger)
    assert [image.index for image in claim.images] == list(range(10_000))
    assert record(ledger, claim, *range(10_000)) == "recorded"
    assert close(ledger, claim) == "done"

    # Then every image is there, and paging reaches the last
    assert (ledger.status(JOB).state, ledger.status(JOB).succeeded) == ("done", 10_000)
    assert [index for index, _ in ledger.results(JOB, cursor=9_990)] == list(range(9_990, 10_000))


@contextmanager
def _ledgers(settings: Settings, count: int) -> Iterator[list[Ledger]]:
    """Ledgers with connections of their own."""
    with ExitStack() as stack:
        yield [Ledger(stack.enter_context(connect(settings)), settings) for _ in range(count)]


def _at_once(calls: list[Callable[[], object]]) -> list[object]:
    """Every call in a thread of its own, started together; their answers in order."""
    barrier = threading.Barrier(len(calls))

    def call(own: Callable[[], object]) -> object:
        barrier.wait(timeout=10)
        return own()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))
