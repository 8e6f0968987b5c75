"""A real worker that is told to drain: what it takes, what it says, and what an order is for."""

import pytest
import redis

from contract import keys
from contract.drain import give_order
from contract.errors import NoCapableWorker
from producer import Client
from producer.errors import WorkerNeeded
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

ONE_SLOT = ("--memory", "2g", "--slots", "1", "--threads", "1")


def stands(yard, node):
    there = {advert.node: vitals for advert, vitals in yard.registry.fleet()}.get(node)
    return there and (there.draining, there.slots_busy)


def test_a_draining_worker_finishes_what_it_is_at_and_nothing_else(new_yard):
    # Given a worker at a task of some seconds, with another one waiting
    slow = new_yard.model("slow", call_s=0.25)
    with new_yard.worker("only", *ONE_SLOT) as worker, Client(settings=new_yard.settings) as client:
        job = new_yard.submit(slow, new_yard.plain_images(24), batch_size=1, task_images=12)
        wait_until(lambda: job.results(), 60, that="it is at work")

        # When it is told to drain, which takes force as it is the only one
        with pytest.raises(WorkerNeeded, match="nobody could run slow@1"):
            client.drain(["only"])
        client.drain(["only"], force=True)

        # Then it finishes its task, says that it is idle, and leaves the other one to others
        wait_until(lambda: stands(new_yard, worker.node) == (True, 0), 20, that="it is idle and says so")
        assert len(job.results()) == 12
        assert new_yard.advert(worker.node).queues == ()
        assert new_yard.client.llen(job.queue) == 1
        with pytest.raises(NoCapableWorker, match=f"{worker.node} .*is draining: it takes nothing new"):
            client.submit(["/in/a.png"], "slow")

        # And it takes work again when it is told so
        client.drain(["only"], undo=True)
        assert all(result.ok for result in job.finished(30).values())
        assert len(job.results()) == 24
        assert "without a doorbell" not in worker.log


def test_it_drains_though_redis_was_away_and_has_forgotten_the_order(new_yard):
    model = new_yard.model("tiny")
    with new_yard.worker("firm", *ONE_SLOT) as worker, Client(settings=new_yard.settings) as client:
        wait_until(lambda: new_yard.advert(worker.node).queues, 30, that="it listens")
        client.drain(["firm"], force=True)
        wait_until(lambda: stands(new_yard, worker.node) == (True, 0), that="it drains")

        # When its connections are cut, and the order is gone
        new_yard.client.delete(keys.drain(worker.node))
        new_yard.client.delete(keys.advert(worker.node))
        cut(new_yard.settings.redis_url)

        # Then it connects anew and drains on
        wait_until(lambda: stands(new_yard, worker.node) == (True, 0), 20, that="it drains on")
        job = new_yard.submit(model, new_yard.plain_images(2))
        with pytest.raises(AssertionError):
            wait_until(job.results, 2, that="anything is done")
        client.drain(["firm"], undo=True)
        job.finished(30)


def test_a_worker_ends_by_itself_once_it_is_idle_and_its_next_start_works(new_yard):
    slow = new_yard.model("slow", call_s=0.25)
    with new_yard.worker("again", *ONE_SLOT) as first, Client(settings=new_yard.settings) as client:
        job = new_yard.submit(slow, new_yard.plain_images(24), batch_size=1, task_images=12)
        wait_until(lambda: job.results(), 60, that="it is at work")
        client.drain(["again"], stop=True, force=True)
        wait_until(lambda: first.process.poll() is not None, 30, that="it has ended by itself")

        assert first.process.returncode == 0, first.log
        assert new_yard.advert(first.node) is None
        assert [a.outcome for task in new_yard.ledger.tasks(job.name) for a in new_yard.ledger.history(task)] == [
            "done"
        ]
    # The order is still there; it was for the other one
    assert new_yard.client.exists(keys.drain(first.node))
    with new_yard.worker("again", *ONE_SLOT) as second:
        assert second.node == first.node
        assert all(result.ok for result in job.finished(60).values())


def test_an_order_for_another_start_of_the_worker_is_passed_over(new_yard):
    model = new_yard.model("tiny")
    with new_yard.worker("calm", *ONE_SLOT) as worker:
        give_order(new_yard.client, new_yard.advert(worker.node).model_copy(update={"instance": "another"}), drain=True)
        new_yard.client.set(keys.drain("junk"), "no json", ex=60)

        assert all(result.ok for result in new_yard.submit(model, new_yard.plain_images(4)).finished(60).values())
        assert stands(new_yard, worker.node)[0] is False


def cut(redis_url):
    with redis.Redis.from_url(redis_url) as admin:
        admin.client_kill_filter(_type="normal", skipme=True)
        admin.client_kill_filter(_type="pubsub")
