"""Redis behind Sentinel fails over under a worker at work: every image has one result, and nobody restarts anything.

A master with two replicas and three Sentinels, all real. The replicas are asked to confirm what is submitted.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from contract.connection import connect
from contract.ledger import Ledger
from producer import Client, NotReplicated, RedisRefused, RedisUnreachable
from tests.support.redis_sentinel import SentinelGroup, sentinel_group
from tests.support.redis_server import redis_executable
from tests.support.wait import wait_until
from tests.support.yard import Yard, open_yard

pytestmark = [
    pytest.mark.lab,
    pytest.mark.integration,
    pytest.mark.skipif(redis_executable() is None and "CI" not in os.environ, reason="there is no redis-server here"),
]

#: Celery's pauses between attempts to connect grow to 30 s; the master's death is agreed on after one.
_GOES_ON_S = 90


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    executable = redis_executable()
    assert executable is not None
    with sentinel_group(tmp_path_factory.mktemp("sentinel"), executable) as group:
        yield group


@pytest.fixture(autouse=True)
def _whole_again(group):
    """A test may leave a server dead or frozen."""
    yield
    group.thaw()
    for node in group.servers:
        group.start_as_replica(node)
    wait_until(group.healthy_master, 60, that="the master has its replicas again")


@pytest.fixture(scope="module")
def yard(group, tmp_path_factory) -> Iterator[Yard]:
    with open_yard(tmp_path_factory.mktemp("yard"), group.url, attempts_max=20) as yard:
        yield yard


@pytest.fixture(scope="module")
def slow(yard):
    return yard.model("slow", call_s=0.25)


@pytest.fixture(scope="module")
def worker(yard, slow):
    assert slow.ref == "slow@1"  # in the store before the worker looks there
    with yard.worker("steady", "--memory", "2g", "--slots", "1", "--threads", "1") as worker:
        yield worker


@pytest.fixture
def client(yard) -> Iterator[Client]:
    with Client(settings=yard.settings) as client:
        yield client


class Reader(threading.Thread):
    """Reads a job's results as they come, as a producer does."""

    def __init__(self, job):
        super().__init__(daemon=True)
        self.job, self.read, self.broke = job, Counter(), None
        self.start()

    def run(self):
        try:
            for index, result in self.job.results_indexed(timeout=_GOES_ON_S):
                assert result.ok, result
                self.read[index] += 1
        except Exception as error:
            self.broke = error


def ends_with_every_image_once(yard, reader, count):
    reader.join(_GOES_ON_S)
    assert reader.broke is None
    assert reader.read == Counter(range(count))
    with connect(yard.settings) as fresh:
        pairs = Ledger(fresh, yard.settings).results(reader.job.id, count=10_000)
    assert sorted(index for index, _ in pairs) == list(range(count))
    status = reader.job.status()
    assert (status.state, status.succeeded, status.failed) == ("done", count, 0)


def submitted(client, yard, count):
    return client.submit(yard.plain_images(count), model="slow", batch_size=1)


def test_an_idle_worker_goes_on_by_itself(yard, worker, group, client):
    dead = group.fail_over()
    dead.start()

    reader = Reader(submitted(client, yard, 2))

    ends_with_every_image_once(yard, reader, 2)
    assert worker.process.poll() is None


def test_the_master_is_killed_in_the_middle_of_a_job(yard, worker, group, client):
    # Given a worker at work, more work waiting, and somebody who reads the results
    reader = Reader(submitted(client, yard, 40))
    wait_until(lambda: len(reader.read) >= 3, 30, that="the slot is at work")

    # When the master dies
    group.fail_over()

    # Then the same worker does all of it, each image once, and more can be submitted
    ends_with_every_image_once(yard, reader, 40)
    ends_with_every_image_once(yard, Reader(submitted(client, yard, 2)), 2)
    assert worker.process.poll() is None, worker.log
    assert "Unrecoverable error" not in worker.log
    wait_until(lambda: yard.advert(worker.node), 30, that="the worker's advert is back")


def test_the_master_is_handed_over_for_maintenance(yard, worker, group, client):
    reader = Reader(submitted(client, yard, 30))
    wait_until(lambda: len(reader.read) >= 3, 30, that="the slot is at work")

    group.hand_over()

    ends_with_every_image_once(yard, reader, 30)
    assert worker.process.poll() is None, worker.log


def test_a_master_that_was_frozen_comes_back_to_find_itself_replaced(yard, worker, group, client):
    reader = Reader(submitted(client, yard, 40))
    wait_until(lambda: len(reader.read) >= 3, 30, that="the slot is at work")
    before = group.master
    before.freeze()
    group.await_another_master(before)
    before.thaw()

    ends_with_every_image_once(yard, reader, 40)
    assert worker.process.poll() is None, worker.log
    wait_until(lambda: not before.is_master(), 60, that="the old master is a replica")


@pytest.mark.usefixtures("worker")
def test_a_producer_that_submits_meanwhile_waits_or_is_told(yard, group, client):
    """Whatever `submit` returned is done; whatever it refused is not there half."""
    readers, refused = [], 0
    dead = group.master
    dead.kill()
    for _ in range(200):
        try:
            readers.append(Reader(submitted(client, yard, 2)))
        except (RedisUnreachable, RedisRefused, NotReplicated):
            refused += 1
        if len(readers) >= 3:
            break

    assert refused, "the first contact fails at once"
    assert len(readers) == 3
    for reader in readers:
        ends_with_every_image_once(yard, reader, 2)


@pytest.mark.usefixtures("worker")
def test_a_job_that_no_replica_has_is_not_submitted(yard, group):
    """With the replicas frozen, Redis goes on for min-replicas-max-lag seconds and acknowledges what one node has."""
    for node in group.servers:
        if node is not group.master:
            node.freeze()

    with Client(settings=yard.settings, patience=timedelta(seconds=3)) as client:
        with pytest.raises(NotReplicated, match=r"0 of 1 replicas .* in 3 s") as unsafe:
            submitted(client, yard, 40)
        assert "The job was cancelled. Submit it again." in str(unsafe.value)

    at_risk = yard.settings.model_copy(update={"redis_url": yard.settings.redis_url + "?replicas=0"})
    with Client(settings=at_risk, patience=timedelta(seconds=3)) as client:
        submitted(client, yard, 2).cancel()
