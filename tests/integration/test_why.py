"""`Client.why`, `vedette why` and the gateway's, against a real Redis with workers of paper: what is read is right."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from click.testing import CliRunner

from contract import keys
from contract.errors import JobUnknown
from contract.ledger import Attempt, PutBack
from contract.vitals import Vitals
from producer import Client
from tests.support.builders import advert, image_refs, not_processed, options, spec
from tests.support.gateway import running_gateway
from tests.support.recipes import make_users, url_of
from vedette import cli

pytestmark = pytest.mark.integration

QUEUE, LARGE = "detect.any.512m", "detect.any.8g"


@pytest.fixture
def client(settings):
    with Client(settings=settings) as client:
        yield client


def submit(ledger, job="job-1", queue=QUEUE, tasks=2, images=4):
    ledger.create_job(job, options(), queue)
    for number in range(tasks):
        ledger.add_task(job, f"{job}-{number}", queue, 8, image_refs(images, start=images * number))
    ledger.seal_job(job)


def publish(registry, *workers, busy=0):
    registry.publish_model(spec())
    for worker in workers:
        registry.publish_advert(worker, Vitals(node=worker.node, slots_busy=busy))


def close(ledger, claim, **fields):
    told = {"attempt": claim.attempt, "worker": "small@yard", "batch_size": 8, "ended": datetime.now(UTC)}
    ledger.close(claim.job, claim.task, Attempt(**{**told, **fields}), PutBack(claim.queue, 8))


def codes(answer):
    return [reason.code for reason in answer.reasons]


def test_a_job_that_needs_more_than_there_is(client, ledger, registry, redis_client):
    publish(registry, advert(memory="3.5g", queues=[QUEUE]))
    submit(ledger, queue=LARGE)

    answer = client.why("job-1")

    assert codes(answer) == ["memory_short"]
    assert answer.headline.endswith("needs 8 GiB a slot, the largest worker has 3.5 GiB (small@yard)")
    assert (answer.kind, answer.state, answer.job) == ("job", "waiting", "job-1")
    assert [(queue.name, queue.tasks, queue.images) for queue in answer.queues] == [(LARGE, 2, 8)]
    assert abs((datetime.now(UTC) - answer.since).total_seconds()) < 10
    [worker] = answer.workers
    assert (worker.fits, worker.why_not) == (False, "lacks 8 GiB of memory per slot (has 3.5 GiB)")
    # And the one that could is remembered when it dies
    publish(registry, advert("big@yard", memory="9g", queues=[LARGE]))
    assert codes(client.why("job-1")) == ["doorbell_lost"] or codes(client.why("job-1")) == ["soon"]
    redis_client.delete(keys.advert("big@yard"))
    answer = client.why("job-1")
    assert codes(answer) == ["workers_gone", "memory_short"]
    assert [(past.node, past.left, past.fitted) for past in answer.gone] == [("big@yard", False, True)]


def test_a_task_behind_others_and_what_the_busy_worker_is_at(client, ledger, registry):
    publish(registry, advert(queues=[QUEUE]), busy=1)
    submit(ledger, "job-0", tasks=3, images=6)
    submit(ledger, "job-1", tasks=1, images=1)
    ledger.claim("job-0", "job-0-0", "small@yard")

    answer = client.why("job-1-0")

    assert (answer.kind, answer.name, answer.job, answer.state) == ("task", "job-1-0", "job-1", "waiting")
    assert codes(answer) == ["busy", "behind"]
    assert "small@yard with defects-small@1 of job-0 for " in answer.headline
    behind = answer.reasons[1].details
    assert (behind["tasks"], behind["images"], behind["wait_s"]) == (2, 12, None)
    [worker] = answer.workers
    assert [(at.task, at.job) for at in worker.at] == [("job-0-0", "job-0")]
    assert (worker.slots_busy, worker.slots) == (1, 1)
    assert client.why("job-0").state == "running"


def test_what_was_tried(client, ledger, registry, redis_client):
    publish(registry, advert(queues=[QUEUE]))
    submit(ledger, tasks=1)
    close(
        ledger,
        ledger.claim("job-1", "job-1-0", "small@yard"),
        verdict="memory",
        detail="guard",
        outcome="batch 8 → 4",
        peak_bytes=2**30,
    )
    redis_client.hset(keys.learned(spec().digest, "2048m"), mapping={"limit": 4, "failed": 8})

    answer = client.why("job-1")

    assert codes(answer) in (["failing", "soon", "batch_limited"], ["doorbell_lost", "failing", "batch_limited"])
    [tried] = answer.attempts
    assert (tried.attempt, tried.verdict, tried.outcome, tried.peak_bytes) == (1, "memory", "batch 8 → 4", 2**30)
    assert 0 <= tried.seconds < 10


def test_dead_letters_with_their_codes(client, ledger, registry):
    publish(registry, advert(queues=[QUEUE]))
    submit(ledger, tasks=1)
    claim = ledger.claim("job-1", "job-1-0", "small@yard")
    failed = [
        (index, not_processed(f"{index:05}.jpg", code)) for index, code in enumerate(["memory", "memory", "crash"])
    ]
    ledger.record("job-1", "job-1-0", claim.attempt, [*failed, (3, not_processed("00003.jpg"))])
    close(ledger, claim)

    answer = client.why("job-1")

    assert (answer.state, answer.headline.partition(" ago")[2]) == ("done", ": 4 images, 4 of them failed")
    [letters, _] = answer.reasons
    assert letters.details == {"dead": 3, "codes": {"memory": 2, "crash": 1}}
    assert letters.remedy.endswith("`vedette dead retry job-1`")


@pytest.mark.parametrize(
    ("name", "ref", "expected"),
    [
        ("defects-small", "defects-small@10", "ready"),
        ("defects-small@latest", "defects-small@10", "ready"),
        ("defects-small@9", "defects-small@9", "ready"),
        ("defects-small@11", "defects-small@11", "model_version"),
        ("ssd@1", "ssd@1", "model_unknown"),
    ],
)
def test_a_model_is_asked_for_by_name_or_version(client, registry, name, ref, expected):
    publish(registry, advert(queues=[QUEUE]))
    for version in ("9", "10"):
        registry.publish_model(spec(version=version))

    answer = client.why(name)

    assert (answer.kind, answer.model, codes(answer)) == ("model", ref, [expected])


def test_a_submission_that_was_rejected(client, redis_client):
    text = '{"v":1,"state":"rejected","id":"x","code":"model_unknown","message":"no such model"}'
    redis_client.set(keys.submission("job-9"), text, ex=60)

    assert client.why("job-9").headline == "its submission was rejected (model_unknown): no such model"


def test_a_job_of_a_newer_vedette(client, ledger, registry, redis_client):
    publish(registry, advert(queues=[QUEUE]))
    submit(ledger, queue="detect2.any.1g")
    redis_client.hset(keys.job("job-1"), mapping={"v": 2, "options": '{"v": 2, "model": "defects-small@1", "new": 1}'})

    answer = client.why("job-1")

    assert codes(answer) == ["newer_worker"]
    assert answer.model == "defects-small@1"


def test_a_full_redis_and_a_name_that_nobody_has(client, ledger, registry, redis_client):
    publish(registry, advert(queues=[QUEUE]))
    submit(ledger)
    before = redis_client.config_get("maxmemory")["maxmemory"]
    redis_client.config_set("maxmemory", "1mb")
    try:
        assert codes(client.why("job-1"))[0] == "redis_full"
    finally:
        redis_client.config_set("maxmemory", before)

    with pytest.raises(JobUnknown, match="no job, task or model is called 'nobody'"):
        client.why("nobody")


def test_a_monitor_may_ask_all_of_it_and_a_producer_most(settings, ledger, registry, redis_client):
    publish(registry, advert(queues=[QUEUE]), busy=1)
    submit(ledger)
    make_users(redis_client)
    redis_client.acl_log_reset()
    try:
        for user in ("monitor", "operator", "producer"):
            with Client(url_of(user, settings.redis_url), settings=settings) as asking:
                assert codes(asking.why("job-1")) == ["busy"]
            if user != "producer":
                assert redis_client.acl_log() == []
    finally:
        for user in ("monitor", "operator", "producer", "worker"):
            redis_client.acl_deluser(user)


def test_the_command_and_the_gateway_tell_the_same(settings, ledger, registry):
    publish(registry, advert(memory="3.5g"))
    submit(ledger, queue=LARGE)
    close(
        ledger, ledger.claim("job-1", "job-1-0", "small@yard"), verdict="lost", detail="no sign of life", seconds=None
    )

    told = CliRunner().invoke(cli.vedette, ["--redis", settings.redis_url, "why", "job-1"])
    as_json = CliRunner().invoke(cli.vedette, ["--redis", settings.redis_url, "why", "job-1", "--json"])
    with running_gateway(settings) as url:
        answered = httpx.get(f"{url}/v1/jobs/job-1/why").raise_for_status().json()
        assert httpx.get(f"{url}/v1/jobs/job-7/why").json()["code"] == "job_unknown"

    assert told.exit_code == as_json.exit_code == 0
    first, second, *rest = told.stdout.splitlines()
    assert first.endswith("s: needs 8 GiB a slot, the largest worker has 3.5 GiB (small@yard)")
    assert second == "  do: start a worker with 8 GiB a slot; fewer, larger slots (--slots) of a worker may do"
    assert any("no: lacks 8 GiB of memory per slot (has 3.5 GiB)" in line for line in rest)
    assert any(line.split()[-5:] == ["lost", "no", "sign", "of", "life"] or "no sign of life" in line for line in rest)
    stable = ("kind", "name", "state", "job", "model", "images", "tasks", "attempts")
    assert {key: json.loads(as_json.stdout)[key] for key in stable} == {key: answered[key] for key in stable}
    assert [reason["code"] for reason in answered["reasons"]] == ["memory_short", "failing"]
    unknown = CliRunner().invoke(cli.vedette, ["--redis", settings.redis_url, "why", "job-7"])
    assert unknown.exit_code == 2
    assert unknown.stderr.startswith("error: no job, task or model is called 'job-7'")
