"""A worker, Flower and a producer as the Redis users of docs/operations.md, over TLS where redis-server has it."""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from contract.connection import connect
from contract.doorbell import bell_app, celery_queue
from contract.queues import queue_name
from contract.settings import load_settings
from contract.submit_message import SUBMIT_TASK
from producer import Client
from tests.support.recipes import make_users, url_of
from tests.support.redis_server import free_port
from tests.support.redis_tls import tls_redis
from tests.support.wait import wait_until
from tests.support.yard import open_yard

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An administrator's connection, and a yard whose workers are the user `worker`."""
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("guarded")
        server = stack.enter_context(tls_redis(directory))
        secure = server.url(ssl_ca_certs=server.authority)
        admin = stack.enter_context(connect(load_settings(redis_url=secure)))
        make_users(admin)
        # The lease outlasts what finding out a death takes on a busy machine: the verdict is the undertaker's.
        patient = {"lease": timedelta(seconds=30), "lease_renewal": timedelta(seconds=1)}
        yard = stack.enter_context(open_yard(directory, url_of("worker", secure), **patient))
        model, _ = yard.model("tiny"), yard.model("slow", call_s=3)
        worker = stack.enter_context(yard.worker("guarded", "--memory", "2g", "--slots", "1"))
        yard.wait_until_listening(worker.node, queue_name(model.needs))
        yield admin, yard, worker, secure


@pytest.fixture(autouse=True)
def _nothing_is_denied(place):
    admin, *_ = place
    yield
    entries = admin.acl_log()
    assert {(entry["username"], entry["reason"], entry["object"]) for entry in entries} == set()


def test_a_worker_does_its_job(place):
    admin, yard, worker, secure = place
    images = [*yard.plain_images(5), yard.images / "missing.jpg"]

    with Client(url_of("producer", secure), settings=yard.settings) as client:
        job = client.submit(images, model="tiny", batch_size=2)
        assert sum(result.ok for result in job.results(timeout=60)) == 5
        uploaded = client.submit([client.upload(images[0])], model="tiny")
        assert all(result.ok for result in uploaded.results(timeout=60))
        cancelled = client.submit(yard.plain_images(2), model="tiny")
        cancelled.cancel()
        assert [advert.node for advert in client.fleet()] == [worker.node]
    # And what is no message, and a submission by message
    with bell_app(load_settings(redis_url=url_of("producer", secure))) as app:
        fields = {"job": "by-message", "model": "tiny", "images": [str(path) for path in yard.plain_images(2)]}
        app.send_task(SUBMIT_TASK, kwargs=fields, queue=celery_queue(SUBMIT_TASK))
    wait_until(lambda: admin.hget("vedette:job:by-message", "state") == "done", 30, that="the job is done")
    admin.lpush(queue_name(yard.registry.model("tiny").needs), "no message")
    wait_until(lambda: yard.registry.rejects(), that="the reject is counted")


def test_a_slot_that_dies_is_answered_for(place):
    admin, yard, worker, secure = place
    (slot,) = worker.slots()
    with Client(url_of("producer", secure), settings=yard.settings) as client:
        job = client.submit(yard.plain_images(2), model="slow")
        wait_until(lambda: admin.zcard("vedette:leases"), that="the slot is at it")

        slot.kill()

        assert all(result.ok for result in job.results(timeout=120))
        assert [attempt.verdict for attempt in job.attempts()] == ["crash", None]


def test_flower_shows_workers_and_tasks_to_a_monitor(place, tmp_path):
    _, yard, worker, secure = place
    pytest.importorskip("flower")
    with flower(url_of("monitor", secure), tmp_path) as base:
        wait_until(lambda: worker.node in ask(base, "api/workers?refresh=true"), 30, that="the worker is shown")
        with Client(url_of("producer", secure), settings=yard.settings) as client:
            job = client.submit(yard.plain_images(2), model="tiny")
            job.wait(timeout=60)
            (task,) = yard.ledger.tasks(job.id)[:1]
        wait_until(lambda: ask(base, "api/tasks").get(task, {}).get("state") == "SUCCESS", 20, that="the task is shown")
        assert ask(base, "api/queues/length")["active_queues"] is not None


def ask(base, path):
    with urllib.request.urlopen(f"{base}/{path}", timeout=20) as answer:
        return json.load(answer)


@contextmanager
def flower(redis_url, directory):
    port = free_port()
    environment = {**os.environ, "VEDETTE_REDIS_URL": redis_url, "FLOWER_UNAUTHENTICATED_API": "true"}
    command = [sys.executable, "-m", "celery", "-A", "workers", "flower", f"--port={port}", "--address=127.0.0.1"]
    log = (directory / "flower.log").open("wb")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _healthy(process, port), 60, that="Flower answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _healthy(process, port):
    assert process.poll() is None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
