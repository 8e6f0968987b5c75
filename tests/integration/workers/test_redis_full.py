"""Redis has reached its `maxmemory` and refuses writes for a while: a worker outlasts it, and no image is lost."""

import pytest

from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def make_full(new_yard):
    """Refuses writes (`OOM command not allowed`) until it is called with False."""

    def make_full(full: bool = True) -> None:
        new_yard.client.config_set("maxmemory", 1 if full else 0)

    yield make_full
    make_full(False)


def test_a_worker_outlasts_a_redis_that_refuses_writes(new_yard, make_full):
    slow = new_yard.model("slow", call_s=0.25)
    with new_yard.worker("steady", "--memory", "2g", "--slots", "1", "--threads", "1") as worker:
        new_yard.wait_until_listening(worker.node, "detect.any.512m")
        # Given a slot at work and doorbells that wait for it
        jobs = [new_yard.submit(slow, new_yard.plain_images(8), batch_size=1) for _ in range(3)]
        wait_until(jobs[0].results, 30, that="the slot is at work")
        connections = len(new_yard.client.client_list())

        # When Redis is full until Celery, which writes when it has connected, has met that too, and then no longer
        make_full()
        for kind in ("normal", "pubsub"):
            new_yard.client.client_kill_filter(_type=kind)
        refused = "(server:OutOfMemoryError)"
        wait_until(
            lambda: worker.log.count(refused) >= 4 or worker.process.poll() is not None, 30, that="it was refused"
        )
        assert worker.log.count(refused) < 10  # it waits in between
        make_full(False)

        # Then the worker goes on, and does everything
        for job in jobs:
            assert sorted(job.finished(60)) == list(range(8)), worker.log
        assert worker.process.poll() is None
        # And no attempt has left its connections behind
        assert len(new_yard.client.client_list()) <= connections + 6  # some are opened when first used
