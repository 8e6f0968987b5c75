"""What becomes of a message that is accepted: one job, whatever is doubled or dies."""

import json

import pytest
import redis
from celery import Celery
from kombu import Queue

from contract import keys
from contract.blobs import digest_of
from contract.ledger import Ledger
from contract.messages import ImageRef
from contract.submit_message import SUBMIT_IMAGES_MAX, SUBMIT_TASK, Submission
from tests.support.builders import DIGEST, advert, options, spec
from tests.support.protocol import documented_patterns
from workers.submitter import NotYet, Submitter

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"


@pytest.mark.usefixtures("fleet")
def test_a_submission_becomes_a_job(send, answer, submissions, ledger, redis_client):
    sent = send(v=1, images=["/in/a.jpg", {"uri": "/in/b.jpg", "name": "second"}], batch_size=4, min_score=0.25)

    answer()

    chosen = options(digest=DIGEST, batch_size=4, min_score=0.25)
    assert submissions.get("j1") == Submission(
        state="accepted", id=sent, options=chosen, queue=QUEUE, images=2, task_images=2
    )
    status = ledger.status("j1")
    assert (status.state, status.sealed, status.total, status.queue) == ("open", True, 2, QUEUE)
    (bell,) = redis_client.lrange(QUEUE, 0, -1)
    (task,) = ledger.tasks("j1")
    assert json.loads(bell)["headers"]["id"] == task
    claim = ledger.claim("j1", task, "small@yard")
    assert not isinstance(claim, str)
    assert claim.images == (
        ImageRef(index=0, name="/in/a.jpg", uri="/in/a.jpg"),
        ImageRef(index=1, name="second", uri="/in/b.jpg"),
    )


@pytest.mark.usefixtures("fleet")
def test_uploads_are_prolonged(send, answer, submissions, blobs, redis_client):
    digest = digest_of(b"an image")
    blobs.put(digest, b"an image")
    redis_client.pexpire(keys.blob(digest), 60_000)
    send(images=["/in/a.jpg", {"uri": f"blob:sha256:{digest}", "name": "b"}])

    answer()

    assert submissions.get("j1").state == "accepted"
    assert redis_client.pttl(keys.blob(digest)) > 60_000


@pytest.mark.usefixtures("fleet")
def test_addresses_that_the_operator_has_opened(send, app, ledger, registry, submissions, settings, blobs):
    opened = settings.model_copy(update={"image_hosts": ("img.example",)})
    send(images=["https://img.example/a.jpg", "file:///in/caf%E9.jpg"])

    Submitter(app, ledger, registry, submissions, opened, blobs).answer(submissions.oldest())

    (task,) = ledger.tasks("j1")
    assert [image.uri for image in ledger.images_left(task)] == ["https://img.example/a.jpg", "file:///in/caf%E9.jpg"]


@pytest.mark.usefixtures("fleet")
def test_it_is_cut_into_tasks_as_the_clients_are(send, answer, ledger, redis_client):
    send(images=[f"/in/{number}.jpg" for number in range(SUBMIT_IMAGES_MAX)])

    answer()

    tasks = ledger.tasks("j1")
    assert len(tasks) == redis_client.llen(QUEUE) == -(-SUBMIT_IMAGES_MAX // 32)
    assert [image.index for image in ledger.images_left(tasks[1])] == [*range(32, 64)]


@pytest.mark.usefixtures("fleet")
def test_sent_twice_it_is_one_job(send, answer, submissions, ledger, registry):
    first = send()
    answer()
    registry.publish_model(spec(version="2"))  # what is the latest now differs

    send()
    answer()

    there = submissions.get("j1")
    assert (there.state, there.id) == ("accepted", first)
    assert (ledger.status("j1").total, ledger.status("j1").model) == (1, "defects-small@1")


@pytest.mark.usefixtures("fleet")
def test_a_worker_that_dies_over_it_leaves_it_to_the_next(monkeypatch, send, answer, submissions, ledger, registry):
    # Given a worker that has queued two of three tasks when it dies
    send(images=[f"/in/{number}.jpg" for number in range(80)])
    with monkeypatch.context() as dying:
        real, done = Ledger.add_task, []

        def add_task(*args):
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(real(*args))

        dying.setattr(Ledger, "add_task", add_task)
        with pytest.raises(KeyboardInterrupt):
            answer()
    assert ledger.status("j1").total == 64

    # When another one looks, in a fleet that would now cut the job finer, and has a newer model
    registry.publish_advert(advert("wide@yard", slots=16))
    registry.publish_model(spec(version="2"))
    answer()

    # Then each image is queued once, for the same model
    assert [len(ledger.images_left(task)) for task in ledger.tasks("j1")] == [32, 32, 16]
    assert (ledger.status("j1").total, ledger.status("j1").model) == (80, "defects-small@1")
    there = submissions.get("j1")
    assert there.state == "accepted"


@pytest.mark.usefixtures("fleet")
def test_two_workers_that_do_it_at_once_do_it_once(send, submitter, submissions, ledger):
    send(images=[f"/in/{number}.jpg" for number in range(40)])
    element = submissions.oldest()
    assert element is not None

    submitter.answer(element)
    there = submissions.get("j1")
    submissions.answer("j1", there.model_copy(update={"state": "begun"}))  # as the slower one had read it
    submitter.answer(element)

    assert ledger.status("j1").total == 40
    there = submissions.get("j1")
    assert there.state == "accepted"


@pytest.mark.usefixtures("fleet")
def test_a_stock_python_client_with_a_queue_of_its_own(settings, answer, submissions):
    with Celery("other", broker=settings.redis_url, set_as_current=False) as other:
        other.conf.task_queues = [Queue(SUBMIT_TASK)]
        kwargs = {"job": "j1", "model": "defects-small", "images": ["/in/a.jpg"]}
        other.send_task(SUBMIT_TASK, kwargs=kwargs, queue=SUBMIT_TASK)

    answer()

    there = submissions.get("j1")
    assert there.state == "accepted"


@pytest.mark.usefixtures("fleet")
def test_a_full_redis_is_waited_for(send, answer, submissions, redis_client):
    send()
    redis_client.config_set("maxmemory", "1")
    try:
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            answer()
    finally:
        redis_client.config_set("maxmemory", "0")
    assert submissions.waiting() == 1

    answer()

    assert submissions.waiting() == 0
    there = submissions.get("j1")
    assert there.state == "accepted"


@pytest.mark.usefixtures("fleet")
def test_a_job_that_a_failover_took_a_part_of_is_completed(monkeypatch, send, answer, ledger, redis_client):
    send(images=[f"/in/{number}.jpg" for number in range(64)])
    with monkeypatch.context() as failover:
        real = Ledger.seal_job

        def take_back(self, job, *rest):
            lost = self.tasks(job)[-1]
            redis_client.delete(keys.task(lost), keys.task_images(lost))
            redis_client.rpop(keys.job_tasks(job))
            redis_client.hincrby(keys.job(job), "total", -32)
            return real(self, job, *rest)

        failover.setattr(Ledger, "seal_job", take_back)
        with pytest.raises(NotYet, match="32 of the 64 images"):
            answer()

    answer()

    status = ledger.status("j1")
    assert (status.total, status.sealed, len(ledger.tasks("j1"))) == (64, True, 2)


@pytest.mark.usefixtures("fleet")
def test_what_is_left_behind_is_documented_and_has_a_lifetime(send, answer, redis_client):
    send()
    send(job="j2", model="nobody")
    answer()

    patterns = documented_patterns()
    left = [key for key in redis_client.keys("*") if key.startswith(keys.PREFIX)]
    assert {key for key in left if not any(pattern.fullmatch(key) for pattern in patterns)} == set()
    assert keys.submission("j2") in left
    assert [key for key in left if redis_client.ttl(key) < 0] == []


@pytest.mark.usefixtures("fleet")
def test_who_is_to_be_told_of_the_end(send, app, ledger, registry, submissions, settings, blobs):
    opened = settings.model_copy(update={"webhook_hosts": ("hooks.example",)})
    send(webhook={"url": "https://hooks.example/in?token=x"})

    Submitter(app, ledger, registry, submissions, opened, blobs).answer(submissions.oldest())

    assert submissions.get("j1").state == "accepted"
    ledger.cancel_job("j1")
    (notice,) = ledger.take_notices(1, settings.lease)
    assert (notice.job, notice.url) == ("j1", "https://hooks.example/in?token=x")
