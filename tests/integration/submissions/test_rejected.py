"""What cannot be submitted: answered where the results would be, and counted when it is no message."""

import pytest

from contract import keys
from contract.doorbell import celery_queue
from contract.errors import JobClosed
from contract.ledger import Ledger
from contract.submit_message import SUBMIT_IMAGES_MAX, SUBMIT_TASK
from tests.support.builders import advert, options, spec

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"


@pytest.mark.parametrize(
    ("fields", "code", "why"),
    [
        ({"model": "nobody"}, "model_unknown", "unknown model 'nobody'. Known: defects-small@1"),
        ({"model": "large"}, "no_capable_worker", "Start a worker that has it"),
        ({"v": 2}, "message_version", "this Vedette reads version 1"),
        ({"images": []}, "message_invalid", "images"),
        ({"images": ...}, "message_invalid", "images"),
        ({"images": "/in/a.jpg"}, "message_invalid", "images"),
        ({"images": ["a.jpg"]}, "message_invalid", "images.0.uri"),
        ({"images": ["/in/\0.jpg"]}, "message_invalid", "images.0.uri"),
        ({"images": ["/in/\ud800.jpg"]}, "message_invalid", "images.0.uri"),
        ({"images": ["C:\\a.jpg"]}, "message_invalid", "images.0.uri"),
        (
            {"images": ["/in/a.jpg", "https://elsewhere.example/a.jpg"]},
            "message_invalid",
            "images.1: 'https://elsewhere.example/a.jpg' is refused (host)",
        ),
        ({"images": ["http://127.0.0.1/a.jpg"]}, "message_invalid", "is refused (host)"),
        ({"images": ["gopher://host/a.jpg"]}, "message_invalid", "is refused (scheme)"),
        ({"images": ["s3://bucket/a.jpg"]}, "message_invalid", "is refused (bucket)"),
        ({"images": ["blob:md5:0"]}, "message_invalid", "images.0: 'blob:md5:0' is refused (spelling)"),
        (
            {"images": ["/in/a.jpg", "blob:sha256:" + "0" * 64]},
            "message_invalid",
            "images.1: blob:sha256:" + "0" * 64 + " is not among the uploads",
        ),
        ({"images": [{"uri": "/in/a.jpg", "name": "\ud800"}]}, "message_invalid", "images.0.name"),
        ({"model": "\ud800"}, "message_invalid", "model"),
        ({"images": [7]}, "message_invalid", "images.0"),
        ({"images": [{"name": "a"}]}, "message_invalid", "images.0.uri"),
        ({"images": [{"uri": "/in/a.jpg", "name": ""}]}, "message_invalid", "images.0.name"),
        ({"images": ["/in/a.jpg"] * (SUBMIT_IMAGES_MAX + 1)}, "message_invalid", "at most 10000"),
        ({"batch_size": "8"}, "message_invalid", "batch_size"),
        ({"batch_size": 0}, "message_invalid", "batch_size"),
        ({"min_score": 1.5}, "message_invalid", "min_score"),
        ({"min_score": float("nan")}, "message_invalid", "min_score"),
        ({"allow_waiting": 1}, "message_invalid", "allow_waiting"),
        ({"\ud800": 1}, "message_invalid", "\\ud800"),
        ({"webhook": {"url": "https://host/"}}, "webhook_refused", "is refused (host)"),
        ({"webhook": {"url": "file:///etc/passwd"}}, "webhook_refused", "is refused (scheme)"),
        ({"webhook": "https://host/"}, "message_invalid", "webhook"),
        ({"webhook": {"url": ""}}, "message_invalid", "webhook.url"),
        ({"webhook": {"url": "https://host/", "secret": "x"}}, "message_invalid", "webhook.secret"),
        ({"priority": 3}, "message_invalid", "priority"),
    ],
)
def test_a_rejection_is_found_where_the_results_would_be(
    send, answer, registry, submissions, redis_client, fields, code, why
):
    registry.publish_model(spec())
    registry.publish_model(spec("large", base="3g"))
    registry.publish_advert(advert())

    sent = send(**fields)
    answer()

    there = submissions.get("j1")
    assert (there.state, there.id, there.code) == ("rejected", sent, code)
    assert why in str(there.message)
    assert not redis_client.exists(keys.job("j1"))
    assert registry.rejects() == ({code: 1} if code.startswith("message_") else {})


@pytest.mark.parametrize("job", [..., None, "", "a:b", 7, "x" * 65, ["j1"]])
def test_without_an_id_there_is_no_place_for_an_answer(send, answer, registry, redis_client, job):
    send(job=job)

    answer()

    assert registry.rejects() == {"message_invalid": 1}
    assert not redis_client.keys(keys.submission("*"))


@pytest.mark.parametrize("element", [b"\x80\x81", b"submit!", b"{}", b"[" * 200_000, b""])
def test_what_is_no_message_is_counted(answer, registry, redis_client, element):
    redis_client.lpush(SUBMIT_TASK, element)

    answer()

    assert registry.rejects() == {"message_invalid": 1}
    assert redis_client.llen(SUBMIT_TASK) == 0


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("vedette.detect", {}),
        (SUBMIT_TASK, {"args": ["j1"]}),
        (SUBMIT_TASK, {"countdown": 3600}),
        (SUBMIT_TASK, {"link": {"task": "x", "args": [], "kwargs": {}, "options": {}}}),
        (SUBMIT_TASK, {"compression": "gzip"}),
    ],
)
def test_what_celery_can_ask_for_and_nobody_would_do_is_refused(app, answer, registry, redis_client, task, options):
    kwargs = {"job": "j1", "model": "m", "images": ["/a"]}
    app.send_task(task, kwargs=kwargs, queue=celery_queue(SUBMIT_TASK), **options)

    answer()

    assert registry.rejects() == {"message_invalid": 1}
    assert not redis_client.exists(keys.job("j1"))


def test_rejected_it_may_be_sent_again(send, answer, registry, submissions):
    # Given a submission that no worker could run
    registry.publish_model(spec())
    send()
    answer()
    there = submissions.get("j1")
    assert there.code == "no_capable_worker"

    # When a worker has come, and it is sent again under the same id
    registry.publish_advert(advert())
    send()
    answer()

    there = submissions.get("j1")
    assert (there.state, there.code) == ("accepted", None)


def test_allow_waiting(send, answer, registry, ledger):
    registry.publish_model(spec())

    send(allow_waiting=True)
    answer()

    assert ledger.status("j1").queue == QUEUE


@pytest.mark.usefixtures("fleet")
def test_an_id_that_is_taken(send, answer, submissions, ledger):
    ledger.create_job("j1", options(min_score=0.1), QUEUE)

    send()
    answer()

    there = submissions.get("j1")
    assert (there.state, there.code) == ("rejected", "job_closed")
    assert "an id of its own" in str(there.message)
    assert ledger.status("j1").state == "open", "it is somebody else's"


@pytest.mark.usefixtures("fleet")
def test_nonsense_under_an_accepted_id_leaves_the_answer(send, answer, submissions, registry):
    send()
    send(images=[])
    answer()

    there = submissions.get("j1")
    assert there.state == "accepted"
    assert registry.rejects() == {"message_invalid": 1}


@pytest.mark.usefixtures("fleet")
def test_cancelled_while_it_was_submitted(monkeypatch, send, answer, submissions):
    real = Ledger.create_job

    def create_and_cancel(self, job, *rest):
        real(self, job, *rest)
        self.cancel_job(job)

    monkeypatch.setattr(Ledger, "create_job", create_and_cancel)
    send()
    answer()

    there = submissions.get("j1")
    assert (there.state, there.code) == ("rejected", JobClosed.code)


@pytest.mark.usefixtures("fleet")
def test_what_nobody_foresaw_is_answered_and_cancelled(monkeypatch, send, answer, submissions, ledger):
    monkeypatch.setattr("workers.submitter.ring", lambda *_, **__: 1 / 0)

    send()
    answer()

    there = submissions.get("j1")
    assert (there.state, there.code) == ("rejected", "message_invalid")
    assert ledger.status("j1").state == "cancelled"
