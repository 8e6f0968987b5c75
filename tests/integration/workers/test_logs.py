"""What a worker and a gateway log, read by a machine: what became of a task, and nothing that is not to be told."""

import json
import re
import subprocess
import sys
import urllib.request

import pytest

from contract.doorbell import bell_app, celery_queue
from contract.submit_message import SUBMIT_TASK
from producer import Client
from tests.support.redis_server import free_port
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT, environment

pytestmark = pytest.mark.integration


def events(log, **fields):
    """Lines of the log that are events and have these fields."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if "event" in line and fields.items() <= line.items()]


@pytest.fixture(scope="module")
def place(new_yard):
    new_yard.model("tiny", call_s=0.05)
    new_yard.model("slow", call_s=2)
    with new_yard.worker("logged", "--memory", "2g", "--slots", "1", "--threads", "1", VEDETTE_LOG="auto") as worker:
        new_yard.wait_until_listening(worker.node, "detect.any.512m")
        yield new_yard, worker


def test_each_event_of_a_task_is_one_line_with_its_fields(place):
    yard, worker = place
    with Client(settings=yard.settings) as client:
        job = client.submit([*yard.plain_images(2), yard.images / "gone.png"], model="tiny", batch_size=2)
        job.wait(timeout=30)
        (task, *_) = yard.ledger.tasks(job.id)

    (done,) = wait_until(lambda: events(worker.log, task=task, event="attempt_done"), that="its end is logged")
    (begun,) = events(worker.log, task=task, event="attempt_begun")
    of_both = {"job": job.id, "attempt": 1, "model": "tiny@1", "queue": "detect.any.512m", "worker": worker.node}
    assert of_both.items() <= begun.items()
    assert (begun["batch_size"], begun["level"]) == (2, "INFO")
    assert of_both.items() <= done.items()
    assert done["succeeded"] + done["failed"] == begun["images"]


def test_a_verdict_and_what_follows_are_one_line(place):
    yard, worker = place
    job = yard.submit(yard.registry.model("slow"), yard.plain_images(2), batch_size=2)
    wait_until(lambda: yard.client.zcard("vedette:leases"), 20, that="the slot is at it")
    (slot,) = worker.slots()

    slot.kill()
    job.finished(120)

    (line,) = events(worker.log, task=f"{job.name}-0", attempt=1, level="WARNING", logger="workers.closing")
    assert line["verdict"] in ("crash", "lost")  # on a busy machine its lease ends before Celery has seen the death
    assert (line["images"], line["closed"]) == (2, "queued")
    assert line["event"] in ("shrunk", "put_back")  # by whether its batch had begun
    assert f"{job.name}-0 attempt 1: " in line["message"]


def test_a_submission_is_told_with_its_code_and_without_signatures(place):
    yard, worker = place
    signed = "https://images.example.org/a.jpg?X-Amz-Signature=hush"
    with bell_app(yard.settings) as app:
        for job, model in (("by-message", "tiny"), ("by-nobody", "unheard-of")):
            fields = {"job": job, "model": model, "images": [str(path) for path in yard.plain_images(1)]}
            app.send_task(SUBMIT_TASK, kwargs=fields, queue=celery_queue(SUBMIT_TASK))
        fields = {"job": "signed", "model": "tiny", "images": [signed], "colour": signed}
        app.send_task(SUBMIT_TASK, kwargs=fields, queue=celery_queue(SUBMIT_TASK))

    wait_until(lambda: events(worker.log, event="submission_rejected", job="signed"), 20, that="it is rejected")
    (accepted,) = events(worker.log, event="submission_accepted")
    (unknown,) = events(worker.log, event="submission_rejected", job="by-nobody")
    assert (accepted["job"], accepted["images"], unknown["code"]) == ("by-message", 1, "model_unknown")
    assert "images.example.org/a.jpg?***" in worker.log
    assert "hush" not in worker.log


def test_a_start_of_tensorflow_is_no_noise(place):
    """Its greetings are of C++, and would be between the lines; a slot has started twice here."""
    _, worker = place
    assert not re.search(r"oneDNN|cuda|CUDA|cuInit|rebuild TensorFlow|computation_placer|absl|\bE0000\b", worker.log)
    assert "WARNING: All log messages before" not in worker.log


def test_the_gateway_logs_in_the_same_way(place):
    yard, _ = place
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "vedette", "gateway", "--port", str(port)],
        cwd=ROOT,
        env=environment(yard.settings, VEDETTE_LOG="json"),
        stderr=subprocess.PIPE,
        text=True,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _get(f"{base}/healthz"), 30, that="the gateway answers")
        body = {"images": [str(yard.plain_images(1)[0])], "model": "tiny"}
        request = urllib.request.Request(f"{base}/v1/jobs", json.dumps(body).encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            job = json.load(answer)["id"]
    finally:
        process.terminate()
        log = process.communicate(timeout=20)[1]

    (submitted,) = events(log, event="job_submitted")
    assert (submitted["job"], submitted["images"], submitted["model"]) == (job, 1, "tiny@1")
    # And requests, as uvicorn says them
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line["logger"] == "uvicorn.access" and "POST /v1/jobs" in line["message"] for line in lines)


def _get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
