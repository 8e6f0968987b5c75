"""Tasks that wait: whose doorbell was lost, and that waiting outlasts a lifetime. Against a real Redis."""

import json
from datetime import timedelta

import pytest

from contract import keys
from tests.support.builders import MODEL, image_refs, options
from tests.support.ledger_calls import BIGGER, JOB, QUEUE, TASK, claimed, close, record, submit

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("next_one", "lost"),
    [
        (None, ["task-0", "task-1", "task-2"]),  # nothing is rung: all are lost
        ("task-0", []),  # the oldest is still there: the queue is merely busy
        ("task-2", ["task-0", "task-1"]),  # others were passed over: theirs are not in it any more
        ("done-long-ago", []),  # doubled or late: it tells nothing
    ],
)
def test_a_lost_bell_is_told_from_a_busy_queue_by_what_comes_next(ledger, redis_client, next_one, lost):
    ledger.create_job(JOB, options(), QUEUE)
    for number in range(3):
        ledger.add_task(JOB, f"task-{number}", QUEUE, 8, image_refs(1, start=number))
    redis_client.zadd(keys.bells(QUEUE), {"task-0": 1000, "task-1": 2000, "task-2": 90_000})
    if next_one is not None:
        redis_client.lpush(QUEUE, json.dumps({"headers": {"id": next_one}}))
        redis_client.lpush(QUEUE, json.dumps({"headers": {"id": "newer"}}))

    assert ledger.silent(timedelta(seconds=20)) == lost


@pytest.mark.parametrize("garbage", ["{", "5", "[]", '{"headers": 1}', '{"headers": {"id": [1]}}', "null"])
def test_garbage_in_a_queue_hides_no_error_and_is_waited_for(ledger, redis_client, garbage):
    submit(ledger)
    redis_client.rpush(QUEUE, garbage)

    assert ledger.silent(timedelta(0)) == []

    redis_client.rpop(QUEUE)
    assert ledger.silent(timedelta(0)) == [TASK]


def test_many_that_wait_on_one_queue_hide_no_lost_bell_of_another(ledger, redis_client):
    # Given more waiting tasks than are looked at in one go, on a queue that nobody serves, and a lost bell elsewhere
    ledger.create_job(JOB, options(), QUEUE)
    for number in range(5):
        ledger.add_task(JOB, f"task-{number}", QUEUE, 8, image_refs(1, start=number))
    redis_client.lpush(QUEUE, json.dumps({"headers": {"id": "task-0"}}))
    ledger.add_task(JOB, "lost", BIGGER, 8, image_refs(1, start=5))

    assert ledger.silent(timedelta(0), count=3) == ["lost"]


def test_jobs_at_a_model_are_those_with_work_that_waits_or_runs(ledger):
    # Given a job of this model that waits, one that runs, one that is done, and one of another model
    for name, model in (("waits", MODEL), ("runs", MODEL), ("is-done", MODEL), ("other", "other@1")):
        ledger.create_job(name, options(model), QUEUE)
        ledger.add_task(name, f"{name}-0", QUEUE, 8, image_refs(1))
        ledger.seal_job(name)
    ledger.claim("runs", "runs-0", "w")
    done = ledger.claim("is-done", "is-done-0", "w")
    record(ledger, done, 0)
    close(ledger, done)

    assert sorted(ledger.jobs_at(MODEL)) == ["runs", "waits"]
    assert ledger.jobs_at("other@1") == ["other"]
    assert ledger.jobs_at("nobody@1") == []


def test_what_waits_longer_than_results_live_is_kept(ledger, redis_client, settings):
    # Given a task that has waited for more than half of its lifetime, and one that came just now
    submit(ledger, sealed=False)
    close(ledger, claimed(ledger))
    ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(1, start=4))
    whole_ms = settings.result_lifetime.total_seconds() * 1000
    old = [keys.job(JOB), keys.job_tasks(JOB), keys.task(TASK), keys.task_images(TASK), keys.task_history(TASK)]
    for key in (*old, keys.bells(QUEUE), keys.QUEUES):
        redis_client.pexpire(key, round(whole_ms * 0.4))
    redis_client.pexpire(keys.task("task-2"), round(whole_ms * 0.6))

    # When the reconciler looks at both, one after the other
    assert [ledger.keep_waiting(start, count=1) for start in range(3)] == [1, 1, 0]

    # Then the one has its whole lifetime again, with its job, and the other what it had
    for key in (*old, keys.bells(QUEUE), keys.QUEUES):
        assert redis_client.pttl(key) > whole_ms * 0.9, key
    assert redis_client.pttl(keys.task("task-2")) < whole_ms * 0.7
