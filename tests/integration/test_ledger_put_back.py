"""How an attempt puts images back: changed, or moved to a new task on another queue. Against a real Redis."""

from datetime import timedelta

import pytest

from contract import keys
from contract.ledger import NewTask, PutBack
from tests.support.builders import image_refs
from tests.support.ledger_calls import BIGGER, JOB, QUEUE, TASK, claimed, close, ended, record, submit
from tests.support.protocol import documented_patterns

pytestmark = pytest.mark.integration

NEW = "task-2"


def put_back(ledger, claim, *, changed=(), moved=()):
    new = NewTask(NEW, BIGGER, 1, tuple(moved)) if moved else None
    return ledger.close(JOB, claim.task, ended(claim), PutBack(QUEUE, 8, tuple(changed), new))


def test_changed_images_come_back_changed_and_the_others_as_they_were(ledger):
    submit(ledger)
    smaller = [image.model_copy(update={"batch_cap": 2, "shrink": 4, "lone_deaths": 1}) for image in image_refs(2)]

    assert put_back(ledger, claimed(ledger), changed=smaller) == "queued"

    assert claimed(ledger).images == (*smaller, *image_refs(2, start=2))


def test_moved_images_are_queued_in_a_new_task_on_another_queue(ledger, registry):
    # Given an attempt whose image 3 fits no batch here
    submit(ledger)
    (large,) = image_refs(1, start=3)
    large = large.model_copy(update={"shrink": 2})

    # When it goes where there is more memory
    assert put_back(ledger, claimed(ledger), moved=[large]) == "queued"

    # Then both tasks wait, each with its own images, and workers learn of the queue
    assert ledger.tasks(JOB) == [TASK, NEW]
    assert [image.index for image in ledger.images_left(TASK)] == [0, 1, 2]
    new = ledger.task(NEW)
    assert (new.job, new.state, new.queue, new.batch_size, new.attempt) == (JOB, "queued", BIGGER, 1, 0)
    assert sorted(ledger.silent(timedelta(0))) == [TASK, NEW]
    assert BIGGER in registry.queues_in_use()
    claim = claimed(ledger, task=NEW)
    assert (claim.attempt, claim.images) == (1, (large,))
    assert ledger.status(JOB).total == 4


def test_a_task_can_be_done_here_while_its_rest_is_elsewhere(ledger):
    # Given an attempt that did all but one image
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, 0, 1, 2)

    # When that one is moved
    assert put_back(ledger, claim, moved=image_refs(1, start=3)) == "done"

    # Then the job is open until it is done there
    assert ledger.claim(JOB, TASK, "w") == "done"
    assert ledger.status(JOB).state == "open"
    assert ledger.silent(timedelta(0)) == [NEW]
    record(ledger, claimed(ledger, task=NEW), 3)
    assert ledger.status(JOB).state == "done"
    assert [index for index, _ in ledger.results(JOB)] == [0, 1, 2, 3]


def test_changed_and_moved_at_once(ledger):
    submit(ledger)
    capped = image_refs(1)[0].model_copy(update={"batch_cap": 1})

    put_back(ledger, claimed(ledger), changed=[capped], moved=image_refs(2, start=2))

    assert ledger.images_left(TASK) == [capped, *image_refs(1, start=1)]
    assert ledger.images_left(NEW) == image_refs(2, start=2)


def test_a_moved_image_takes_along_what_was_tried_before(ledger):
    # Given two attempts, the second of which moves an image
    submit(ledger)
    close(ledger, claimed(ledger, "small@yard"))
    put_back(ledger, claimed(ledger, "small@yard"), moved=image_refs(1, start=3))

    # When the new task is tried once too
    close(ledger, claimed(ledger, "big@yard", task=NEW))

    # Then its history begins with what led to it
    assert [attempt.attempt for attempt in ledger.history(NEW)] == [1, 2, 1]
    assert ledger.history(NEW)[:2] == ledger.history(TASK)


def test_what_has_its_result_is_neither_changed_nor_moved(ledger):
    # Given an attempt that recorded images which its last words still count as left
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, 0, 3)
    capped = [image.model_copy(update={"batch_cap": 1}) for image in image_refs(2)]

    put_back(ledger, claim, changed=capped, moved=image_refs(1, start=3))

    # Then they do not come back, and a task without images is not made
    assert ledger.images_left(TASK) == [capped[1], *image_refs(1, start=2)]
    assert ledger.tasks(JOB) == [TASK]
    assert ledger.task(NEW) is None


def test_a_fenced_attempt_changes_and_moves_nothing(ledger, redis_client):
    # Given a slot that was thought dead, whose task runs elsewhere
    submit(ledger)
    late = claimed(ledger, "frozen@yard")
    close(ledger, late)
    current = claimed(ledger)
    before = {key: redis_client.dump(key) for key in redis_client.scan_iter()}

    # When it wakes up and puts back
    capped = [image.model_copy(update={"batch_cap": 1}) for image in image_refs(1)]
    assert put_back(ledger, late, changed=capped, moved=image_refs(1, start=3)) == "fenced"

    # Then not a byte of Redis is another
    assert {key: redis_client.dump(key) for key in redis_client.scan_iter()} == before
    assert ledger.renew(current) == "held"


def test_nothing_of_a_cancelled_job_is_put_back(ledger):
    submit(ledger)
    claim = claimed(ledger)
    ledger.cancel_job(JOB)

    assert put_back(ledger, claim, moved=image_refs(1, start=3)) == "cancelled"

    assert ledger.tasks(JOB) == [TASK]
    assert ledger.silent(timedelta(0)) == []


def test_every_key_of_a_move_is_documented_and_has_a_lifetime(ledger, redis_client):
    submit(ledger)
    redis_client.expire(keys.job_tasks(JOB), 5)

    put_back(ledger, claimed(ledger), changed=image_refs(1), moved=image_refs(1, start=3))

    there_are = set(redis_client.scan_iter())
    assert {keys.task(NEW), keys.task_images(NEW), keys.task_history(NEW)} <= there_are
    assert {key for key in there_are if redis_client.ttl(key) <= 5} == set()
    patterns = documented_patterns()
    assert {key for key in there_are if not any(pattern.fullmatch(key) for pattern in patterns)} == set()
