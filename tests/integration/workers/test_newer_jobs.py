"""A rollout in which producers are upgraded first: jobs of a newer Vedette beside a worker of this one."""

import json

import pytest

from contract import keys
from contract.messages import VERSION
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tiny(new_yard):
    return new_yard.model("tiny")


@pytest.fixture(scope="module")
def worker(new_yard, tiny):
    assert tiny.ref == "tiny@1"
    with new_yard.worker("older", "--memory", "2g", "--slots", "1") as worker:
        yield worker


def as_newer(yard, job):
    """Rewrites a job as a newer Vedette would have written it: a version on, with a field that we don't know."""
    options = json.loads(yard.client.hget(keys.job(job.name), "options"))
    newer = {**options, "v": VERSION + 1, "tiles": 4}
    yard.client.hset(keys.job(job.name), mapping={"v": VERSION + 1, "options": json.dumps(newer)})
    return options


def test_a_newer_job_is_left_as_it_is_and_the_older_ones_beside_it_are_done(new_yard, tiny, worker):
    # Given a newer job whose bells come to an older worker
    newer = new_yard.add(tiny, new_yard.plain_images(4), task_images=2)
    options = as_newer(new_yard, newer)
    newer.ring()
    [first, second] = new_yard.ledger.tasks(newer.name)
    wait_until(lambda: worker.log.count("{'answer': 'newer'}") >= 2, that="its bells are answered")

    # And a lease of the newer job runs out, and bells of older jobs are lost
    new_yard.client.hset(keys.task(second), mapping={"state": "running", "attempt": 1})
    new_yard.client.zadd(keys.LEASES, {second: 1000})
    older = new_yard.add(tiny, new_yard.plain_images(4))

    # Then the older job is done all the same
    assert all(result.ok for result in older.finished(20).values())
    # And the newer one stands as it stood, and is named once
    assert len(new_yard.ledger.images_left(first)) == len(new_yard.ledger.images_left(second)) == 2
    assert new_yard.client.hget(keys.task(first), "state") == "queued"
    assert new_yard.client.zscore(keys.LEASES, second) == 1000
    for task in (first, second):
        wait_until(lambda task=task: f"task {task} is left to workers that can read it" in worker.log, 20)
        assert worker.log.count(f"task {task} is left to workers that can read it") == 1
    assert new_yard.registry.rejects() == {}

    # When the worker is upgraded: here, when the job becomes readable
    new_yard.client.hset(keys.job(newer.name), mapping={"v": VERSION, "options": json.dumps(options)})

    # Then nothing of it was lost
    assert all(result.ok for result in newer.finished(40).values())


def test_queues_of_a_newer_version_are_passed_over(new_yard, tiny, worker):
    # Given a queue of the next version with a task that waits on it
    queue = "detect2.any.512m"
    waiting = new_yard.add(tiny, new_yard.plain_images(1))
    [task] = new_yard.ledger.tasks(waiting.name)
    new_yard.client.hset(keys.task(task), "queue", queue)
    new_yard.client.zrem(keys.bells(waiting.queue), task)
    new_yard.client.zadd(keys.bells(queue), {task: 1000})
    new_yard.client.zadd(keys.QUEUES, {queue: 1000})
    new_yard.client.lpush(queue, "a doorbell of the next version")

    # When jobs of this version are done, whose lost bells show that the reconciler has passed
    job = new_yard.add(tiny, new_yard.plain_images(1))
    job.finished(20)

    # Then nobody has touched it
    assert new_yard.client.lrange(queue, 0, -1) == ["a doorbell of the next version"]
    assert new_yard.client.hget(keys.task(task), "state") == "queued"
    assert queue not in new_yard.advert(worker.node).queues
    new_yard.ledger.cancel_job(waiting.name)
