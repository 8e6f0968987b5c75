"""Dead letters: kept with the failed result, put back once, forgotten. Against a real Redis."""

import threading
from datetime import timedelta
from typing import get_args

import pytest

from contract import keys
from contract.connection import connect
from contract.errors import JobClosed, JobUnknown
from contract.ledger import DeadLetter, Ledger, PutBack
from contract.messages import FailureCode, ImageRef
from tests.support.builders import found, image_refs, not_processed, options
from tests.support.ledger_calls import (
    BIGGER,
    JOB,
    QUEUE,
    TASK,
    TwiceRedis,
    claimed,
    close,
    ended,
    fail,
    record,
    submit,
)
from tests.support.protocol import documented_patterns

pytestmark = pytest.mark.integration

NEW = "task-new"


def dead_job(ledger, *, dead=(1, 3)):
    """JOB of four images, done, of which those failed for memory."""
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, *(index for index in range(4) if index not in dead))
    fail(ledger, claim, *dead)
    close(ledger, claim)


def dead_indexes(ledger):
    return [letter.index for letter in ledger.dead(JOB)]


# Which are dead


@pytest.mark.parametrize("code", get_args(FailureCode))
def test_every_failure_but_one_of_the_file_is_a_dead_letter(ledger, code):
    submit(ledger)

    fail(ledger, claimed(ledger), 2, code=code)

    assert dead_indexes(ledger) == ([] if code.startswith("image_") else [2])
    assert ledger.status(JOB).failed == 1


def test_a_dead_letter_has_the_image_as_it_was_and_what_was_tried(ledger):
    # Given an image that was made smaller before it was given up
    submit(ledger)
    first = claimed(ledger)
    capped = image_refs(1, start=3)[0].model_copy(update={"batch_cap": 1, "shrink": 2, "lone_deaths": 1})
    tried = ended(first, verdict="memory", detail="SIGKILL, 1.9 of 2.0 GiB", outcome="batch 8 → 1")
    ledger.close(JOB, TASK, tried, PutBack(QUEUE, 8, (capped,)))
    result = not_processed("00003.jpg", "memory", attempts=2, worker="small@yard")
    second = claimed(ledger)

    # When it dies
    ledger.record(JOB, TASK, 2, [(0, found()), (3, result)])
    ledger.close(JOB, TASK, ended(second), PutBack(QUEUE, 8))

    # Then there is all of it
    (letter,) = ledger.dead(JOB)
    assert letter == DeadLetter(index=3, task=TASK, image=capped, result=result)
    assert letter.failure.code == "memory"
    assert ledger.history(letter.task)[0].model_copy(update={"seconds": None}) == tried


def test_dead_letters_are_listed_as_submitted(ledger):
    submit(ledger, 1200)
    claim = claimed(ledger)
    fail(ledger, claim, *reversed(range(100, 1200)))

    assert dead_indexes(ledger) == [*range(100, 1200)]


def test_a_job_without_any_has_none(ledger):
    submit(ledger)

    assert ledger.dead(JOB) == ledger.dead("job-9") == []


# Putting back


def test_what_is_put_back_is_done_again(ledger, registry):
    # Given a job that is done, but for two dead letters
    dead_job(ledger)
    assert ledger.status(JOB).state == "done"

    # When one of them is put back on a larger queue
    assert ledger.revive(JOB, NEW, BIGGER, 4, [3]) == 1

    # Then the job is open without it
    status = ledger.status(JOB)
    assert (status.state, status.total, status.succeeded, status.failed) == ("open", 4, 2, 1)
    assert status.finished is None
    assert [index for index, _ in ledger.results(JOB)] == [0, 2, 1]
    assert dead_indexes(ledger) == [1]
    # And a new task waits, known to reconciler and workers
    assert ledger.tasks(JOB) == [TASK, NEW]
    assert ledger.silent(timedelta(0)) == [NEW]
    assert BIGGER in registry.queues_in_use()
    claim = claimed(ledger, task=NEW)
    assert (claim.attempt, claim.queue, claim.batch_size) == (1, BIGGER, 4)
    assert claim.images == (image_refs(1, start=3)[0],)

    # When it succeeds
    record(ledger, claim, 3)
    assert close(ledger, claim) == "done"

    # Then the job is done once more, with each image once
    status = ledger.status(JOB)
    assert (status.state, status.succeeded, status.failed) == ("done", 3, 1)
    assert status.finished is not None
    assert [(index, result.ok) for index, result in ledger.results(JOB)] == [
        (0, True),
        (2, True),
        (1, False),
        (3, True),
    ]


def test_it_is_put_back_as_it_was_submitted(ledger):
    # Whatever its name: Lua reads and writes it.
    image = ImageRef(index=0, name='schöne "Plätte"/\\1\n.jpg', uri="/bilder/ä b.jpg")
    submit(ledger, 0, sealed=False)
    ledger.add_task(JOB, "task-0", QUEUE, 8, [image])
    learned = image.model_copy(update={"batch_cap": 1, "shrink": 8, "lone_deaths": 1})
    ledger.close(JOB, "task-0", ended(claimed(ledger, task="task-0")), PutBack(QUEUE, 1, (learned,)))
    fail(ledger, claimed(ledger, task="task-0"), 0)
    assert ledger.dead(JOB)[0].image == learned

    ledger.revive(JOB, NEW, QUEUE, 8, [0])

    assert ledger.images_left(NEW) == [image]


def test_what_dies_again_is_a_dead_letter_again(ledger):
    dead_job(ledger)
    ledger.revive(JOB, NEW, BIGGER, 4, [1, 3])

    fail(ledger, claimed(ledger, task=NEW), 1, 3, code="crash")

    assert [(letter.index, letter.task, letter.failure.code) for letter in ledger.dead(JOB)] == [
        (1, NEW, "crash"),
        (3, NEW, "crash"),
    ]
    assert (ledger.status(JOB).state, ledger.status(JOB).failed) == ("done", 2)
    assert [index for index, _ in ledger.results(JOB)] == [0, 2, 1, 3]
    # And the letter's new place is the one that is emptied next
    assert ledger.revive(JOB, "task-newer", BIGGER, 4, [1]) == 1
    assert [index for index, _ in ledger.results(JOB)] == [0, 2, 3]


def test_a_dead_letter_of_an_open_job_is_put_back_into_it(ledger):
    submit(ledger)
    claim = claimed(ledger)
    fail(ledger, claim, 0)

    assert ledger.revive(JOB, NEW, BIGGER, 4, [0]) == 1

    assert (ledger.status(JOB).state, ledger.status(JOB).done) == ("open", 0)
    record(ledger, claim, 1, 2, 3)
    assert ledger.status(JOB).state == "open"
    record(ledger, claimed(ledger, task=NEW), 0)
    assert (ledger.status(JOB).state, ledger.status(JOB).succeeded) == ("done", 4)


def test_what_is_no_dead_letter_is_not_put_back(ledger, redis_client):
    # Given a job with a dead letter and an image that is broken
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, 0)
    fail(ledger, claim, 1, code="image_truncated")
    fail(ledger, claim, 2)

    # When everything is put back, even what there is not
    assert ledger.revive(JOB, NEW, QUEUE, 8, [0, 1, 3, 9]) == 0
    assert not redis_client.exists(keys.task(NEW), keys.task_images(NEW))
    assert ledger.revive(JOB, NEW, QUEUE, 8, range(10)) == 1

    # Then only the dead one is
    assert [image.index for image in ledger.images_left(NEW)] == [2]
    assert (ledger.status(JOB).succeeded, ledger.status(JOB).failed) == (1, 1)


def test_a_cancelled_job_gets_nothing_back(ledger):
    submit(ledger)
    fail(ledger, claimed(ledger), 0)
    ledger.cancel_job(JOB)

    with pytest.raises(JobClosed, match="job-1 was cancelled"):
        ledger.revive(JOB, NEW, QUEUE, 8, [0])

    assert dead_indexes(ledger) == [0]
    assert (ledger.status(JOB).state, ledger.status(JOB).failed) == ("cancelled", 1)
    assert ledger.task(NEW) is None


def test_an_unknown_job_is_said_to_be_unknown(ledger, redis_client):
    with pytest.raises(JobUnknown, match="unknown job 'job-9'"):
        ledger.revive("job-9", NEW, QUEUE, 8, [0])
    with pytest.raises(JobUnknown):
        ledger.options("job-9")

    assert redis_client.dbsize() == 0


def test_a_stopped_job_goes_on_with_all_that_it_had_left(ledger):
    # Given a stopped job: one task was closed as cancelled, one lost its bell, one was never looked at
    submit(ledger, 4, sealed=False, max_failure_rate=0.2)
    for number in (2, 3):
        ledger.add_task(JOB, f"task-{number}", QUEUE, 8, image_refs(2, start=2 * number))
    ledger.seal_job(JOB)
    claim = claimed(ledger)
    fail(ledger, claim, 0, code="image_missing")
    fail(ledger, claim, 1)
    assert ledger.status(JOB).state == "stopped"
    close(ledger, claim)
    ledger.claim(JOB, "task-2", "w")
    assert ledger.silent(timedelta(0)) == ["task-3"]

    # When its dead letter is put back
    assert ledger.revive(JOB, NEW, QUEUE, 8, [1]) == 1

    # Then all of it waits to be done
    assert ledger.status(JOB).state == "open"
    assert sorted(ledger.silent(timedelta(0))) == [TASK, "task-2", "task-3", NEW]
    for task in (NEW, "task-2", "task-3"):
        again = claimed(ledger, task=task)
        assert record(ledger, again, *(image.index for image in again.images)) == "recorded"
        close(ledger, again)
    # And the failures that stay do not stop it again
    last = claimed(ledger)
    assert fail(ledger, last, 2, code="image_missing") == "recorded"
    assert fail(ledger, last, 3, code="image_missing") == "recorded"
    status = ledger.status(JOB)
    assert (status.state, status.succeeded, status.failed) == ("done", 5, 3)


def test_an_attempt_that_runs_while_a_stopped_job_is_opened_goes_on(ledger):
    submit(ledger, 4, max_failure_rate=0)
    claim = claimed(ledger)
    fail(ledger, claim, 0)
    assert ledger.renew(claim) == "cancelled"

    ledger.revive(JOB, NEW, QUEUE, 8, [0])

    assert ledger.renew(claim) == "held"
    assert record(ledger, claim, 1, 2, 3) == "recorded"
    assert close(ledger, claim) == "done"


def test_a_reader_in_the_middle_of_the_results_misses_none(ledger):
    # Given somebody who has read three places: 0, 2, 1
    dead_job(ledger)
    read = ledger.result_page(JOB, 0, 3)
    assert (len(read.results), read.cursor) == (3, 3)

    # When one of them is put back, and done anew
    ledger.revive(JOB, NEW, QUEUE, 8, [1])
    record(ledger, claimed(ledger, task=NEW), 1)

    # Then what comes after is still there, and the new result too
    rest = ledger.result_page(JOB, read.cursor)
    assert [(index, result.ok) for index, result in rest.results] == [(3, False), (1, True)]
    assert rest.cursor == 5
    assert ledger.result_page(JOB, rest.cursor).cursor == 5
    # And who begins now sees each image once, over the empty place
    assert [index for index, _ in ledger.results(JOB)] == [0, 2, 3, 1]
    assert [index for index, _ in ledger.results(JOB, cursor=2, count=1)] == []


def test_the_old_task_cannot_record_what_was_put_back(ledger):
    # Given an attempt that gave an image up, whose answer was lost, and somebody quick
    submit(ledger)
    claim = claimed(ledger)
    fail(ledger, claim, 0)
    ledger.revive(JOB, NEW, QUEUE, 8, [0])

    # When it sends the failure again
    assert fail(ledger, claim, 0) == "recorded"

    # Then nothing is counted: the image is the new task's
    assert (ledger.status(JOB).failed, ledger.results(JOB), ledger.dead(JOB)) == (0, [], [])
    record(ledger, claimed(ledger, task=NEW), 0)
    assert [(index, result.ok) for index, result in ledger.results(JOB)] == [(0, True)]


# Asked twice, at once, too late


def test_a_job_with_dead_letters_counts_right_when_every_call_is_sent_twice(redis_url, settings):
    with TwiceRedis.from_url(redis_url, decode_responses=True) as client:
        ledger = Ledger(client, settings)
        dead_job(ledger)

        assert ledger.revive(JOB, NEW, QUEUE, 8, [1, 3]) == 2

        assert ledger.tasks(JOB) == [TASK, NEW]
        assert ledger.status(JOB).failed == 0
        record(ledger, claimed(ledger, task=NEW), 1, 3)
        status = ledger.status(JOB)
        assert (status.state, status.succeeded, status.failed) == ("done", 4, 0)
        assert len(ledger.results(JOB)) == 4


def test_putting_back_again_under_the_same_task_gives_the_same_answer_and_does_nothing(ledger):
    # Given images that were put back, and died again before the lost answer was asked for
    dead_job(ledger)
    ledger.revive(JOB, NEW, QUEUE, 8, [1, 3])
    fail(ledger, claimed(ledger, task=NEW), 1)

    assert ledger.revive(JOB, NEW, QUEUE, 8, [1, 3]) == 2

    assert dead_indexes(ledger) == [1]
    assert ledger.task(NEW).state == "running"


def test_of_many_who_put_the_same_back_each_image_goes_to_one(settings):
    with connect(settings) as client:
        ledger = Ledger(client, settings)
        dead_job(ledger, dead=(0, 1, 2, 3))
        counts = []
        barrier = threading.Barrier(6)

        def put_back(number):
            barrier.wait(timeout=10)
            counts.append(ledger.revive(JOB, f"task-{number + 10}", QUEUE, 8, [number % 4, (number + 1) % 4]))

        threads = [threading.Thread(target=put_back, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        left = [image.index for task in ledger.tasks(JOB) for image in ledger.images_left(task)]
        assert sorted(left) == [0, 1, 2, 3]
        assert (sum(counts), ledger.status(JOB).failed) == (4, 0)


# Forgetting


def test_dropping_forgets_the_letter_and_keeps_the_failure(ledger):
    dead_job(ledger)

    assert ledger.drop_dead(JOB, [0, 1, 9]) == 1
    assert ledger.drop_dead(JOB, [1]) == 0
    assert ledger.drop_dead(JOB, []) == 0

    assert dead_indexes(ledger) == [3]
    assert (ledger.status(JOB).state, ledger.status(JOB).failed) == ("done", 2)
    assert [index for index, _ in ledger.results(JOB)] == [0, 2, 1, 3]
    assert ledger.revive(JOB, NEW, QUEUE, 8, [1]) == 0


# Keys


def test_every_key_is_documented_and_has_a_lifetime_after_every_step(ledger, redis_client):
    patterns = documented_patterns()

    def wrong():
        return [
            key
            for key in redis_client.scan_iter()
            if redis_client.ttl(key) < 0 or not any(pattern.fullmatch(key) for pattern in patterns)
        ]

    dead_job(ledger)
    assert redis_client.exists(keys.job_dead(JOB))
    assert wrong() == []
    ledger.revive(JOB, NEW, QUEUE, 8, [1])
    assert wrong() == []
    ledger.drop_dead(JOB, [3])
    assert not redis_client.exists(keys.job_dead(JOB))
    assert wrong() == []


def test_putting_back_prolongs_everything_that_the_job_still_needs(ledger, redis_client, settings):
    dead_job(ledger)
    needed = [spell(JOB) for spell in (keys.job, keys.job_tasks, keys.job_results, keys.job_order, keys.job_dead)]
    needed += [keys.bells(QUEUE), keys.QUEUES]
    ledger.create_job("job-2", options(), QUEUE)
    ledger.add_task("job-2", "task-2", QUEUE, 8, image_refs(1))
    for key in needed:
        redis_client.expire(key, 5)

    ledger.revive(JOB, NEW, QUEUE, 8, [1])

    whole_s = settings.result_lifetime.total_seconds()
    needed += [keys.task(NEW), keys.task_images(NEW)]
    assert {key: redis_client.ttl(key) for key in needed if redis_client.ttl(key) < whole_s - 5} == {}


def test_what_is_put_back_takes_along_what_was_tried_before(ledger):
    # Given a task of which two images were given up in its second attempt
    submit(ledger)
    close(ledger, claimed(ledger, "small@yard"))
    claim = claimed(ledger, "small@yard")
    fail(ledger, claim, 1, 3)
    close(ledger, claim)

    # When they are put back, twice for the answer was lost, and tried once more
    assert [ledger.revive(JOB, NEW, BIGGER, 4, [1, 3]) for _ in range(2)] == [2, 2]
    close(ledger, claimed(ledger, "big@yard", task=NEW))

    # Then the new task tells all of it
    history = ledger.history(NEW)
    assert [attempt.attempt for attempt in history] == [1, 2, 1]
    assert history[:2] == ledger.history(TASK)
