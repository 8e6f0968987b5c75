"""Doorbells that are doubled, late or no doorbells at all: each answered once, and the worker goes on."""

import base64
import json

import pytest

from contract.doorbell import celery_queue
from contract.messages import DETECT_TASK, DetectMessage
from contract.queues import queue_name
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def queue(worker, yard, tiny):
    yard.client.delete("vedette:rejects")
    yard.wait_until_listening(worker.node, queue_name(tiny.needs))
    return queue_name(tiny.needs)


@pytest.fixture
def still_works(yard, tiny):
    """Asserts after the test that nothing is left in the queue and the next job is done."""
    yield
    wait_until(lambda: yard.client.llen(queue_name(tiny.needs)) == 0, that="the queue is empty")
    assert all(result.ok for result in yard.submit(tiny, yard.plain_images(2)).finished().values())


def message(**fields) -> dict:
    return {
        **DetectMessage(job="no-such-job", task="no-such-task", model="tiny@1", batch_size=8).model_dump(),
        **fields,
    }


def envelope(body: str | bytes | None = None, **changes) -> str:
    """A message as Celery lays it on the wire, but for `changes`: a key with None is left out."""
    content = json.dumps([[], message(), {}]) if body is None else body
    content = content.encode() if isinstance(content, str) else content
    whole = {
        "body": base64.b64encode(content).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": DETECT_TASK, "id": "id-1", "retries": 0, "root_id": "id-1"},
        "properties": {
            "correlation_id": "id-1",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "x"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "tag-1",
        },
        **changes,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not None})


def headers(**changes) -> dict:
    return {**json.loads(envelope())["headers"], **changes}


def properties(**changes) -> dict:
    return {**json.loads(envelope())["properties"], **changes}


@pytest.mark.usefixtures("still_works", "queue")
def test_a_bell_that_is_rung_three_times_does_the_work_once(yard, tiny):
    job = yard.add(tiny, yard.plain_images(20), task_images=5)

    for _ in range(3):
        job.ring()

    assert sorted(job.finished()) == list(range(20))
    wait_until(lambda: yard.client.llen(job.queue) == 0, that="the late bells are answered")
    status = job.status()
    assert (status.total, status.succeeded, status.failed) == (20, 20, 0)
    assert [len(yard.ledger.history(task)) for task in yard.ledger.tasks(job.name)] == [1, 1, 1, 1]
    assert yard.registry.rejects() == {}


@pytest.mark.usefixtures("still_works")
@pytest.mark.parametrize(
    ("args", "kwargs", "code"),
    [
        ([], message(v=2), "message_version"),
        ([], message(v="1"), "message_invalid"),
        ([], message(batch_size="8"), "message_invalid"),
        ([], message(batch_size=0), "message_invalid"),
        ([], message(job=None), "message_invalid"),
        ([], message(job="a:b"), "message_invalid"),
        ([], message(priority=3), "message_invalid"),
        ([], {}, "message_invalid"),
        (["no-such-job", "no-such-task"], {}, "message_invalid"),
        (["positional"], message(), "message_invalid"),
    ],
    ids=["version", "version type", "type", "range", "null", "identifier", "extra", "empty", "positional", "both"],
)
def test_a_message_with_wrong_fields_is_counted_by_its_code(yard, queue, args, kwargs, code):
    yard.app.send_task(DETECT_TASK, args=args, kwargs=kwargs, queue=celery_queue(queue))

    wait_until(lambda: yard.registry.rejects() == {code: 1}, that=f"one {code} is counted")


#: What somebody with access to Redis may push onto a queue, by mistake or on purpose.
NO_MESSAGES = {
    "no json": "ring!",
    "no text": b"\x80\x81\xfe",
    "nothing": "",
    "null": "null",
    "number": "42",
    "list": "[1, 2]",
    "empty object": "{}",
    "no properties at all": '{"body": "x"}',
    "properties missing": envelope(properties=None),
    "body encoding": envelope(properties=properties(body_encoding="rot13")),
    "no delivery tag": envelope(properties=properties(delivery_tag=None)),
    "pickle": envelope(**{"content-type": "application/x-python-serialize"}),
    "no content type": envelope(**{"content-type": None}),
    "headers missing": envelope(headers=None),
    "headers empty": envelope(headers={}),
    "headers list": envelope(headers=[]),
    "unknown task": envelope(headers=headers(task="vedette.unknown")),
    "task null": envelope(headers=headers(task=None)),
    "task list": envelope(headers=headers(task=["vedette.detect"])),
    "id null": envelope(headers=headers(id=None)),
    "eta": envelope(headers=headers(eta="tomorrow")),
    "expires": envelope(headers=headers(expires="yesterday-ish")),
    "time limit": envelope(headers=headers(timelimit="long")),
    "root": envelope(headers=headers(root_id=["x"], parent_id={}, group=3, shadow=[])),
    "stamps": envelope(headers=headers(stamped_headers=3, stamps="x")),
    "retries": envelope(headers=headers(retries="many")),
    "body no json": envelope("not json"),
    "body no utf-8": envelope(b"\x80\x81"),
    "body empty list": envelope("[]"),
    "body text": envelope('"text"'),
    "body numbers": envelope("[1, 2, 3]"),
    "kwargs list": envelope("[[], [], {}]"),
    "id list": envelope(headers=headers(id=["id-1"])),
    "callbacks": envelope(json.dumps([[], message(), {"callbacks": [{"task": "x"}]}])),
    "body not encoded": envelope(body=None, properties=properties(body_encoding=None)),
    "body no base64": json.dumps({**json.loads(envelope()), "body": "%%%"}),
    "body null": json.dumps({**json.loads(envelope()), "body": None}),
    "body number": json.dumps({**json.loads(envelope()), "body": 7}),
}


@pytest.mark.usefixtures("still_works")
@pytest.mark.parametrize("element", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_counted_and_the_worker_goes_on(yard, queue, worker, element):
    yard.client.lpush(queue, element)

    wait_until(lambda: sum(yard.registry.rejects().values()) == 1, 5, that="one reject is counted")
    assert worker.process.poll() is None


#: Odd, but each rings: for a task that the ledger doesn't know, as a bell does that comes after its job's lifetime.
HARMLESS = {
    "late": envelope(),
    "encoding": envelope(**{"content-encoding": "klingon"}),
    "embed null": envelope(json.dumps([[], message(), None])),
}


@pytest.mark.usefixtures("still_works")
@pytest.mark.parametrize("element", HARMLESS.values(), ids=HARMLESS)
def test_a_bell_for_what_the_ledger_does_not_know_is_answered_and_forgotten(yard, queue, worker, element):
    log = len(worker.log)

    yard.client.lpush(queue, element)

    wait_until(lambda: "{'answer': 'unknown'}" in worker.log[log:], that="the bell is answered")
    assert yard.registry.rejects() == {}


def test_all_that_cost_no_slot_and_no_trace(worker):
    assert worker.process.poll() is None
    assert len(worker.slots()) == 1
    assert "Traceback" not in worker.log
    assert "Restoring" not in worker.log
