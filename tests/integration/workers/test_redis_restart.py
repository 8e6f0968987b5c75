"""Redis is restarted under a worker: with its append-only file, so that only the connections are lost."""

from contextlib import ExitStack

import pytest

from contract.memory import MIB
from tests.support.redis_server import free_port, redis_server
from tests.support.wait import wait_until
from tests.support.yard import open_yard

pytestmark = pytest.mark.integration


class RestartableRedis:
    def __init__(self, directory):
        self._directory = directory
        self._port = free_port()
        self._server = ExitStack()

    def start(self):
        return self._server.enter_context(redis_server(self._directory, port=self._port, append_only=True))

    def stop(self):
        self._server.close()


@pytest.fixture(scope="module")
def redis_of_its_own(tmp_path_factory):
    server = RestartableRedis(tmp_path_factory.mktemp("redis"))
    server.url = server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def yard(redis_of_its_own, tmp_path_factory):
    with open_yard(tmp_path_factory.mktemp("yard"), redis_of_its_own.url) as yard:
        yield yard


@pytest.fixture(scope="module")
def slow(yard):
    return yard.model("slow", call_s=0.25)


@pytest.fixture(scope="module")
def larger(yard):
    return yard.model("larger", base_bytes=700 * MIB)


@pytest.fixture(scope="module")
def worker(yard, slow, larger):
    assert {slow.ref, larger.ref} == {"slow@1", "larger@1"}  # in the store before the worker looks there
    with yard.worker("steady", "--memory", "2g", "--slots", "1", "--threads", "1") as worker:
        yield worker


def test_an_idle_worker_goes_on_by_itself(yard, slow, worker, redis_of_its_own):
    redis_of_its_own.stop()
    redis_of_its_own.start()

    results = yard.submit(slow, yard.plain_images(2)).finished()

    assert all(result.ok for result in results.values())
    assert worker.process.poll() is None


def test_it_still_takes_the_largest_work_first_afterwards(yard, slow, larger, worker):
    wait_until(lambda: yard.advert(worker.node), that="the worker's advert is back")
    assert yard.advert(worker.node).queues == ("detect.any.1g", "detect.any.512m")
    busy = yard.submit(slow, yard.plain_images(6), batch_size=1)
    wait_until(busy.results, that="the slot is busy")

    later = yard.submit(slow, yard.plain_images(1))
    sooner = yard.submit(larger, yard.plain_images(1))

    for job in (busy, later, sooner):
        job.finished()
    assert busy.status().finished <= sooner.status().finished <= later.status().finished


@pytest.mark.parametrize("away_s", [0, 4], ids=["a blink", "longer than the lease"])
def test_a_busy_worker_loses_no_image_and_does_none_twice(yard, slow, worker, redis_of_its_own, away_s):
    # Given a worker at work, and more work waiting
    job = yard.submit(slow, yard.plain_images(24), batch_size=1, task_images=12)
    wait_until(lambda: len(job.results()) >= 2, that="the slot is at work")

    # When Redis is away
    redis_of_its_own.stop()
    if away_s:
        with pytest.raises(AssertionError):
            wait_until(lambda: worker.process.poll() is not None, away_s, that="the worker gives up, which it must not")
    redis_of_its_own.start()

    # Then the same worker does all of it, each image once
    results = job.finished(60)
    assert sorted(results) == list(range(24))
    assert all(result.ok for result in results.values())
    assert worker.process.poll() is None
    wait_until(lambda: yard.advert(worker.node), that="the worker's advert is back")


def test_the_log_names_the_outage_without_a_trace(worker):
    assert "Redis is away" in worker.log
    assert "Unrecoverable error" not in worker.log
    assert "Restoring" not in worker.log
