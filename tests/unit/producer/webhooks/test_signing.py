"""What is sent, held against the standard's own library and its example."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from producer.webhooks.payload import payload
from producer.webhooks.secrets_file import decode
from producer.webhooks.signing import signed_headers
from tests.unit.producer.webhooks.test_step import notice

OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()


def test_the_example_of_the_standard():
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        [decode("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_the_standards_library_verifies_with_either_secret(secret):
    body = payload(notice())
    headers = signed_headers("job-1-5", int(time.time()), body, [decode(NEW), decode(OLD)])

    assert Webhook(secret).verify(body, headers) == json.loads(body)


@pytest.mark.parametrize("change", ["secret", "body", "id", "timestamp", "age"])
def test_and_refuses_what_was_changed(change):
    body = payload(notice())
    headers = signed_headers("job-1-5", int(time.time()) - (600 if change == "age" else 0), body, [decode(NEW)])
    if change == "id":
        headers["webhook-id"] = "job-1-6"
    if change == "timestamp":
        headers["webhook-timestamp"] = str(int(time.time()) - 5)

    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER if change == "secret" else NEW).verify(body + (b" " if change == "body" else b""), headers)


def test_what_is_told():
    assert json.loads(payload(notice())) == {
        "type": "job.completed",
        "timestamp": "2023-11-14T22:14:20.123Z",
        "data": {
            "job": "job-1",
            "state": "done",
            "model": "defects-small@1",
            "total": 3,
            "succeeded": 2,
            "failed": 1,
            "created": "2023-11-14T22:13:20.000Z",
            "finished": "2023-11-14T22:14:20.123Z",
            "links": {"job": "/v1/jobs/job-1", "results": "/v1/jobs/job-1/results"},
        },
    }


@pytest.mark.parametrize(
    ("state", "kind"), [("done", "job.completed"), ("stopped", "job.stopped"), ("cancelled", "job.cancelled")]
)
def test_each_way_to_end_has_a_type(state, kind):
    assert json.loads(payload(notice(state=state)))["type"] == kind


def test_the_same_end_is_the_same_bytes_under_the_same_id():
    first, again = notice(attempt=1), notice(attempt=7)

    assert (first.id, payload(first)) == (again.id, payload(again))
    assert first.id == "job-1-1700000060123"
