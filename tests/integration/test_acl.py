"""The Redis users of docs/operations.md, section Access: each can do its job, and not that of the others."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import redis

from contract import keys
from contract.connection import connect
from contract.drain import DrainOrder, read_order
from contract.ledger import Attempt, Ledger, PutBack, Recording
from contract.registry import Registry
from contract.submit_message import SUBMIT_TASK
from contract.vitals import Vitals
from producer import Client, InvalidArgument
from producer.fleet import read_facts
from producer.gateway.api_keys import ApiKey, digest
from producer.webhooks.deliverer import Timing
from producer.webhooks.secrets_file import HostSecrets
from tests.support.builders import advert, found, image_refs, not_processed, options, spec
from tests.support.gateway import PlayedWorker, running_gateway
from tests.support.images import encode, scene
from tests.support.ledger_calls import ended
from tests.support.recipes import access_recipes, make_users, url_of
from tests.support.wait import wait_until
from tests.support.web import Answer, web

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"


@pytest.fixture(autouse=True)
def _users(redis_client):
    make_users(redis_client)
    redis_client.acl_log_reset()
    yield
    for user in access_recipes():
        redis_client.acl_deluser(user)


@pytest.fixture
def producer(settings):
    with Client(url_of("producer", settings.redis_url), settings=settings) as client:
        yield client


@pytest.fixture
def connection(settings):
    """A raw connection as one of the users."""
    opened = []

    def connection(user):
        client = redis.Redis.from_url(url_of(user, settings.redis_url), decode_responses=True)
        opened.append(client)
        return client

    yield connection
    for client in opened:
        client.close()


def denied(redis_client):
    return [(entry["username"], entry["reason"], entry["object"]) for entry in redis_client.acl_log()]


def work(ledger, job):
    for task in ledger.tasks(job.id):
        claim = ledger.claim(job.id, task, "small@yard")
        if isinstance(claim, str):
            continue
        for image in claim.images:
            result = not_processed(image.name, "memory") if "bad" in image.name else found(image.name)
            ledger.record(job.id, task, claim.attempt, [(image.index, result)])
        attempt = Attempt(attempt=claim.attempt, worker="small@yard", batch_size=8, ended=datetime.now(UTC))
        ledger.close(job.id, task, attempt, PutBack(QUEUE, 8))


@pytest.mark.usefixtures("fleet")
def test_a_producer_can_do_all_that_a_client_does(producer, ledger, redis_client):
    job = producer.submit(["/in/a.jpg", "/in/bad.jpg", "/in/bad2.jpg"], model="defects-small")
    work(ledger, job)
    assert sorted(result.image for result in job.results(timeout=5)) == ["/in/a.jpg", "/in/bad.jpg", "/in/bad2.jpg"]
    assert [index for index, _ in producer.job(job.id).results_indexed(cursor=1)]
    assert job.wait(timeout=5).failed == 2
    assert job.attempts()
    assert producer.retry_dead(job.id, ["/in/bad.jpg"]) == 1
    assert job.drop_dead() == 1
    assert producer.jobs_at("defects-small@1") == [job.id]
    assert job.cancel() == "open"
    assert [model.ref for model in producer.models()] == ["defects-small@1"]
    assert len(producer.fleet()) == 1
    with pytest.raises(InvalidArgument):
        producer.submit([], model="defects-small")
    uploaded = producer.upload(encode(scene(seed=1), "PNG"))
    assert producer.submit([("scene", uploaded)], model="defects-small").status().total == 1

    assert denied(redis_client) == []


@pytest.mark.usefixtures("fleet")
def test_a_job_that_was_stopped_is_put_back_by_a_producer(producer, ledger, redis_client):
    job = producer.submit(
        [f"/in/bad{number}.jpg" for number in range(64)], "defects-small", batch_size=8, max_failure_rate=0.1
    )
    work(ledger, job)
    assert job.status().state == "stopped"

    assert producer.retry_dead(job.id) > 0

    assert denied(redis_client) == []


def test_a_producer_in_another_language_can_send_and_read_the_answer(connection, redis_client):
    redis_client.set(keys.submission("j1"), "{}")
    producer = connection("producer")

    producer.lpush(SUBMIT_TASK, "{}")

    assert producer.get(keys.submission("j1")) == "{}"


def test_a_gateway_is_a_producer(settings, registry, redis_client):
    registry.publish_model(spec())
    registry.publish_advert(advert(queues=[QUEUE]))
    guarded = settings.model_copy(update={"redis_url": url_of("producer", settings.redis_url)})
    caller = ApiKey(name="line-3", sha256=digest("vdt_line"), rate_per_minute=100, max_queued_images=10)
    headers = {"Authorization": "Bearer vdt_line"}

    with (
        running_gateway(guarded, api_keys=(caller,)) as url,
        httpx.Client(base_url=url, timeout=20, headers=headers) as http,
        PlayedWorker(settings),
    ):
        asked = {"images": ["/in/a.jpg"], "model": "defects-small"}
        again = {"Idempotency-Key": "same"}
        job = http.post("/v1/jobs", json=asked, headers=again).raise_for_status().json()["id"]
        assert http.post("/v1/jobs", json=asked, headers=again).raise_for_status().json()["id"] == job
        assert '"done"' in http.get(f"/v1/jobs/{job}/results", params={"follow": True}).raise_for_status().text
        one = {"image": "/in/a.jpg", "model": "defects-small"}
        assert http.post("/v1/detect", json=one).raise_for_status().json()["detections"]
        for path in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/why", "/v1/models", "/v1/fleet", "/readyz", "/metrics"):
            http.get(path).raise_for_status()
        assert "vedette_redis_up 1" in http.get("/metrics").text
        http.post("/v1/jobs", json=asked).raise_for_status()  # counts what ended
        http.delete(f"/v1/jobs/{job}")
        lines = b'{"model": "defects-small"}\n"/in/a.jpg"\n'
        ndjson = {"Content-Type": "application/x-ndjson"}
        http.post("/v1/jobs", content=lines, headers={**ndjson, "Idempotency-Key": "lines"}).raise_for_status()
        asked_for = ("job", (None, b'{"model": "defects-small"}'))
        http.post("/v1/jobs", files=[asked_for, ("images", ("a.jpg", b"a"))]).raise_for_status()
        empty = [asked_for, ("images", ("b.jpg", b"b")), ("images", ("c.jpg", b""))]
        assert http.post("/v1/jobs", files=empty).status_code == 422  # and takes b.jpg back
        assert http.post("/v1/jobs", json={**asked, "model": "nobody"}, headers=again).status_code >= 400

    # `why` tells what it may see of Redis, and asks
    assert {*denied(redis_client)} <= {("producer", "command", "info")}


@pytest.mark.usefixtures("fleet")
def test_webhooks_are_submitted_by_a_producer_ended_by_a_worker_and_told_by_a_gateway(
    settings, redis_client, connection
):
    # Given the sides as their users, and a receiver that wants no more after the first word
    guarded = {
        user: settings.model_copy(update={"redis_url": url_of(user, settings.redis_url)})
        for user in ("producer", "worker")
    }
    with web(first=[Answer(status=500), Answer(status=204), Answer(status=410)]) as receiver:
        hosts = {"webhook_hosts": (f"127.0.0.1:{receiver.port}",), "webhook_private": ("127.0.0.1/32",)}
        as_producer, url = guarded["producer"].model_copy(update=hosts), f"http://127.0.0.1:{receiver.port}/"
        quick = Timing(poll_s=0.05, first_pause=timedelta(seconds=0.1))
        secrets = (HostSecrets(secrets=("whsec_" + "a" * 32,)),)
        with Client(settings=as_producer) as producer:
            done = producer.submit(["/in/a.jpg", "/in/bad.jpg"], "defects-small", webhook=url)
            cancelled = producer.submit(["/in/b.jpg"], "defects-small", webhook=url)
            worker = Ledger(connection("worker"), settings)
            work(worker, done)
            with running_gateway(as_producer, webhook_secrets=secrets, timing=quick):
                wait_until(lambda: done.status().webhook.state == "delivered", that="the end is told")
                cancelled.cancel()
                wait_until(lambda: cancelled.status().webhook.state == "given_up", that="the other is given up")
            producer.retry_dead(done.id)
            assert done.status().webhook.state == "waiting"
            # And a worker submits for those who send messages
            worker.create_job("by-message", worker.options(done.id), QUEUE, url)
    with Client(url_of("monitor", settings.redis_url), settings=settings) as monitor:
        assert monitor.job(cancelled.id).status().webhook.attempts == 1

    assert denied(redis_client) == []


def test_a_worker_runs_small_tasks_together(settings, connection, ledger, redis_client):
    # A user that was made for an older Vedette must do for this: it may not be asked for more.
    for job in ("job-1", "job-2"):
        ledger.create_job(job, options(), QUEUE)
        ledger.add_task(job, job, QUEUE, 8, image_refs(1))
    worker = Ledger(connection("worker"), settings)

    first = worker.claim("job-1", "job-1", "small@yard")
    alone = worker.claim_together(first, "small@yard", 2)  # one other task, which the other slot may have
    claims = [first, *alone, *worker.claim_together(first, "small@yard")]
    assert worker.renew_all(claims) == ["held"] * 2
    last = [Recording(claim, [(0, found())], ends=ended(claim)) for claim in claims]
    assert [worker.record_all(last) for _ in range(2)] == [["closed"] * 2] * 2

    assert [claim.task for claim in claims] == ["job-1", "job-2"]
    assert worker.claim("job-2", "job-2", "small@yard") == "together"
    assert denied(redis_client) == []


def test_a_worker_says_who_it_is_and_takes_its_leave(connection, settings, redis_client):
    # Given one that was last seen long ago, which the next to come takes off the list
    redis_client.zadd(keys.PAST_ADVERTS, {"old@yard": 1})
    client = connection("worker")
    worker = Registry(client, settings)

    worker.publish_model(spec())
    worker.publish_advert(advert(), Vitals(node="small@yard"))
    worker.count_reject("message_invalid")
    assert read_order(client, "small@yard", "3f9c") is None
    Ledger(client, settings).keep_waiting(0)
    worker.withdraw_advert("small@yard")

    assert denied(redis_client) == []
    assert redis_client.zrange(keys.PAST_ADVERTS, 0, -1) == ["small@yard"]


COMMON = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "requirepass"),
    ("CONFIG", "SET", "dir", "/tmp"),
    ("KEYS", "*"),
    ("SHUTDOWN",),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("MODULE", "LIST"),
    ("MONITOR",),
    ("SAVE",),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("SCRIPT", "FLUSH"),
    ("FUNCTION", "LIST"),
    ("GET", "somebody-elses"),
    ("SET", "somebody-elses", "x"),
    ("PUBLISH", "somebody-elses", "x"),
    ("SUBSCRIBE", "somebody-elses"),
]

FORBIDDEN = {
    "producer": [
        ("SCAN", "0"),
        ("SET", keys.advert("small@yard"), "x"),
        ("SET", keys.drain("small@yard"), "x"),
        ("ZREM", keys.ADVERTS, "small@yard"),
        ("SET", keys.model("defects-small@1"), "x"),
        ("SET", keys.submission("j1"), "x"),
        ("HINCRBY", keys.REJECTS, "x", "1"),
        ("HSET", keys.learned("digest", "1g"), "limit", "1"),
        ("HINCRBY", keys.counts("defects-small@1"), "images:dead", "1"),
        ("SET", keys.vitals("small@yard"), "x"),
        ("HGETALL", "unacked"),
        ("DEL", keys.job("j1")),
        ("SET", keys.job("j1"), "x"),
        ("BRPOP", QUEUE, "1"),
        ("RPOP", QUEUE),
        ("DEL", QUEUE),
        ("LPUSH", "vedette.warm.small@yard", "x"),
        ("PUBLISH", "/0.celery.pidbox", "x"),
        ("PUBLISH", "/0.celeryev/worker.heartbeat", "x"),
        ("SUBSCRIBE", "/0.celeryev/task.sent"),
        ("EVAL", "return redis.call('PING')", "0"),
    ],
    "worker": [("SCAN", "0"), ("EVAL", "return redis.call('PING')", "0")],
    "operator": [
        ("LPUSH", QUEUE, "x"),
        ("SET", keys.advert("small@yard"), "x"),
        ("SET", keys.job("j1"), "x"),
        ("DEL", keys.job("j1")),
        ("PUBLISH", "/0.celery.pidbox", "x"),
        ("EVAL", "return redis.call('PING')", "0"),
    ],
    "monitor": [
        ("LPUSH", QUEUE, "x"),
        ("RPOP", QUEUE),
        ("LPUSH", SUBMIT_TASK, "x"),
        ("SET", keys.model("defects-small@1"), "x"),
        ("SET", keys.drain("small@yard"), "x"),
        ("HSET", keys.job("j1"), "state", "cancelled"),
        ("DEL", keys.job("j1")),
        ("PEXPIRE", keys.job("j1"), "1"),
        ("HDEL", "unacked", "x"),
        ("SCAN", "0"),
        ("EVAL", "return redis.call('PING')", "0"),
    ],
}


@pytest.mark.parametrize(
    ("user", "command"),
    [(user, command) for user, commands in FORBIDDEN.items() for command in [*COMMON, *commands]],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:40],
)
def test_what_a_user_need_not_do_it_may_not_do(connection, user, command):
    with pytest.raises(redis.exceptions.NoPermissionError):
        connection(user).execute_command(*command)


def test_a_monitor_reads_fleet_models_and_jobs(settings, registry, redis_client, ledger):
    # Given a fleet in which one worker has died: its advert is gone, its name is still there
    registry.publish_model(spec())
    registry.publish_advert(advert())
    registry.publish_advert(advert("dead@yard"))
    redis_client.delete(keys.advert("dead@yard"))
    with Client(settings=settings) as producer:
        job = producer.submit(["/in/a.jpg"], model="defects-small")
    work(ledger, job)

    with Client(url_of("monitor", settings.redis_url), settings=settings) as monitor:
        assert [worker.node for worker in monitor.fleet()] == ["small@yard"]
        with connect(settings.model_copy(update={"redis_url": url_of("monitor", settings.redis_url)})) as client:
            facts = read_facts(Registry(client, settings), Ledger(client, settings))
        assert {*facts.backlog.queues} == {QUEUE}
        assert [model.ref for model in monitor.models()] == ["defects-small@1"]
        assert monitor.job(job.id).wait(timeout=5).succeeded == 1
        assert len([*monitor.job(job.id).results(timeout=5)]) == 1


def test_an_operator_drains_workers(settings, registry, redis_client):
    registry.publish_model(spec())
    registry.publish_advert(advert().model_copy(update={"instance": "3f9c"}))
    registry.publish_advert(advert("other@yard"))

    with Client(url_of("operator", settings.redis_url), settings=settings) as operator:
        assert [worker.node for worker in operator.drain(["small"], stop=True)] == ["small@yard"]

    assert read_order(redis_client, "small@yard", "3f9c") == DrainOrder(instance="3f9c", drain=True, stop=True)
    assert denied(redis_client) == []
