"""Unlike machines: who listens to what, who gets which task, and where people see it."""

import json
import subprocess
import sys
import urllib.request
from urllib.error import URLError

import pytest

from contract.errors import NoCapableWorker
from contract.memory import GIB, MIB
from contract.queues import queue_name
from contract.routing import route
from tests.support.ending import end
from tests.support.redis_server import free_port
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT, environment

pytestmark = pytest.mark.integration

#: The spec's 3 GiB with the margin on top make the tier 4g.
LARGE_BYTES = 3 * GIB


@pytest.fixture(scope="module")
def tiny(new_yard):
    return new_yard.model("tiny", call_s=0.05)


@pytest.fixture(scope="module")
def large(new_yard):
    return new_yard.model("large", base_bytes=LARGE_BYTES, call_s=0.2)


@pytest.fixture(scope="module")
def small_worker(new_yard, tiny, large):
    assert {tiny.ref, large.ref} == {"tiny@1", "large@1"}  # in the store before a worker looks there
    with new_yard.worker("small", "--memory", "1g", "--slots", "1", "--threads", "1") as worker:
        yield worker


@pytest.fixture(scope="module")
def big_worker(new_yard, tiny, large):
    assert {tiny.ref, large.ref} == {"tiny@1", "large@1"}
    with new_yard.worker("big", "--memory", "4.5g", "--slots", "1", "--threads", "1") as worker:
        yield worker


def test_each_listens_to_what_it_can_serve_and_no_more_largest_first(new_yard, small_worker, big_worker):
    new_yard.wait_until_listening(big_worker.node, "detect.any.4g", "detect.any.512m")

    assert new_yard.advert(small_worker.node).queues == ("detect.any.512m",)
    assert new_yard.advert(big_worker.node).queues == ("detect.any.4g", "detect.any.512m")


def test_the_small_worker_never_receives_a_task_of_the_large_model(new_yard, tiny, large, small_worker, big_worker):
    # Given both models in demand, so that the small worker has nothing to do but to help where it may
    large_job = new_yard.submit(large, new_yard.plain_images(8), batch_size=1, task_images=1)
    tiny_job = new_yard.submit(tiny, new_yard.plain_images(60), batch_size=1, task_images=3)

    # When all of it is done
    large_results, tiny_results = large_job.finished(60), tiny_job.finished(60)

    # Then the large ones were all done by the big worker, and the small one was not idle meanwhile
    assert {result.worker for result in large_results.values()} == {big_worker.node}
    assert small_worker.node in {result.worker for result in tiny_results.values()}
    # And none was even delivered to it
    assert "large@1" in small_worker.log
    assert large_job.name not in small_worker.log
    assert tiny_job.name in small_worker.log


def test_a_doubled_bell_that_two_workers_hear_at_once_is_answered_by_one(new_yard, tiny, small_worker, big_worker):
    # Both slots are warm: the test before had both at work.
    job = new_yard.add(tiny, new_yard.plain_images(20), batch_size=1, task_images=20)

    for _ in range(4):
        job.ring()

    results = job.finished()
    assert len({result.worker for result in results.values()}) == 1
    # The last image's result is there a moment before its attempt is closed.
    assert len(wait_until(lambda: new_yard.ledger.history(f"{job.name}-0"))) == 1
    # And the other one did hear it
    for worker in (small_worker, big_worker):
        wait_until(lambda log=worker: f"[{job.name}-0] received" in log.log, that=f"{worker.node} heard the bell")


def test_celery_inspect_shows_the_capability(new_yard, small_worker, big_worker):
    new_yard.client.delete("vedette:rejects")
    stats = new_yard.app.control.inspect(timeout=3, limit=2).stats()

    assert set(stats) == {small_worker.node, big_worker.node}
    assert stats[small_worker.node]["capability"]["memory_per_slot_bytes"] == GIB
    assert stats[big_worker.node]["capability"]["memory_per_slot_bytes"] == int(4.5 * GIB)
    assert stats[big_worker.node]["capability"]["cpu_level"] == new_yard.advert(big_worker.node).capability.cpu_level
    assert stats[big_worker.node]["listening"][0] == "detect.any.4g"
    assert stats[small_worker.node]["pool"]["max-concurrency"] == 1
    assert new_yard.registry.rejects() == {}  # a question is no malformed doorbell


@pytest.fixture(scope="module")
def flower(new_yard, tmp_path_factory):
    """The address of a Flower that watches the yard."""
    pytest.importorskip("flower")
    port = free_port()
    with (tmp_path_factory.mktemp("flower") / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers", "flower", "--address=127.0.0.1", f"--port={port}"],
            cwd=ROOT,
            env=environment(new_yard.settings, FLOWER_UNAUTHENTICATED_API="true"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _get(port, "/healthcheck"), 30, that="Flower answers")
        yield port
    finally:
        end(process)


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except (URLError, ConnectionError, TimeoutError):
        return ""


def test_flower_shows_the_capability_of_both(flower, new_yard, small_worker, big_worker):
    def workers():
        answer = json.loads(_get(flower, "/api/workers?refresh=1") or "{}")
        both = {small_worker.node, big_worker.node}
        return answer if both <= {node for node, worker in answer.items() if worker.get("stats")} else None

    shown = wait_until(workers, 20, that="Flower knows both workers")

    assert shown[small_worker.node]["stats"]["capability"]["memory_per_slot_bytes"] == GIB
    assert shown[big_worker.node]["stats"]["capability"]["memory_per_slot_bytes"] == int(4.5 * GIB)
    for worker, memory_bytes in ((small_worker, GIB), (big_worker, int(4.5 * GIB))):
        page = wait_until(lambda node=worker.node: _get(flower, f"/worker/{node}"), that="the worker's page is there")
        assert "capability" in page
        assert str(memory_bytes) in page
    assert new_yard.registry.rejects() == {}


def test_a_queue_that_comes_into_use_is_joined_within_seconds_without_a_restart(new_yard, small_worker, big_worker):
    pid = big_worker.process.pid
    medium = new_yard.model("medium", base_bytes=int(1.2 * GIB))
    assert queue_name(medium.needs) == "detect.any.2g"

    # As another worker does whose store has the model.
    new_yard.registry.publish_model(medium)

    new_yard.wait_until_listening(big_worker.node, "detect.any.2g")
    assert new_yard.advert(big_worker.node).queues == ("detect.any.4g", "detect.any.2g", "detect.any.512m")
    assert new_yard.advert(small_worker.node).queues == ("detect.any.512m",)
    results = new_yard.submit(medium, new_yard.plain_images(2)).finished()
    assert {result.worker for result in results.values()} == {big_worker.node}
    assert big_worker.process.poll() is None
    assert big_worker.process.pid == pid


def test_work_that_only_a_big_machine_can_do_comes_first_there(new_yard, large, big_worker):
    medium = new_yard.registry.model("medium")
    new_yard.wait_until_listening(big_worker.node, queue_name(medium.needs))
    # Given a slot that is busy
    busy = new_yard.submit(large, new_yard.plain_images(10), batch_size=1)
    wait_until(busy.results, that="the slot is busy")

    # When smaller work comes before larger work
    later = new_yard.submit(medium, new_yard.plain_images(1))
    sooner = new_yard.submit(large, new_yard.plain_images(1))

    # Then the larger is done first
    for job in (busy, later, sooner):
        job.finished()
    assert busy.status().finished <= sooner.status().finished <= later.status().finished


def test_a_model_that_is_copied_into_the_store_is_found(new_yard, big_worker):
    # Looked for every thirty upkeeps.
    late = new_yard.model("late", base_bytes=700 * MIB)

    wait_until(
        lambda: "detect.any.1g" in new_yard.advert(big_worker.node).queues, 25, that="the new model's queue is joined"
    )

    assert new_yard.registry.model("late") == late
    assert all(result.ok for result in new_yard.submit(late, new_yard.plain_images(2)).finished().values())


def test_with_only_the_small_worker_alive_routing_says_what_is_missing(new_yard, large, small_worker, big_worker):
    assert route(large, new_yard.registry.adverts()) == "detect.any.4g"
    big_worker.process.terminate()
    wait_until(lambda: new_yard.advert(big_worker.node) is None, that="the big worker's advert is gone")

    with pytest.raises(NoCapableWorker) as refused:
        route(large, new_yard.registry.adverts())

    assert "large@1: it needs 4 GiB of memory per slot" in str(refused.value)
    assert f"{small_worker.node} has 1.0 GiB per slot" in str(refused.value)
    assert "lacks 4 GiB of memory per slot (has 1.0 GiB)" in str(refused.value)


def test_nobody_left_a_trace(small_worker, big_worker):
    assert "Traceback" not in small_worker.log
    assert "Traceback" not in big_worker.log
