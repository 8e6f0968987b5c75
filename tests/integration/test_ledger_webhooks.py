"""Whose end is to be told: marked with the last image, handed out once, told again until it is settled."""

from datetime import timedelta

import pytest

from contract import keys
from contract.ledger import Ledger
from tests.support.builders import image_refs, options
from tests.support.ledger_calls import BIGGER, JOB, QUEUE, TASK, TwiceRedis, claimed, close, fail, record
from tests.support.protocol import documented_patterns
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

URL = "https://hooks.example.org/vedette?token=secret"
LEASE = timedelta(seconds=30)


def submit(ledger, images=2, sealed=True, webhook=URL, **fields):
    ledger.create_job(JOB, options(**fields), QUEUE, webhook)
    ledger.add_task(JOB, TASK, QUEUE, 8, image_refs(images))
    if sealed:
        ledger.seal_job(JOB)


def done(ledger, images=2):
    submit(ledger, images)
    claim = claimed(ledger)
    record(ledger, claim, *range(images))
    close(ledger, claim)


def take(ledger, lease=LEASE, count=10):
    return ledger.take_notices(count, lease)


def test_the_last_image_makes_it_due_and_nothing_before(ledger):
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, 0)
    assert take(ledger) == []
    assert ledger.status(JOB).webhook.state == "waiting"

    record(ledger, claim, 1)  # and the worker dies: it never closes its attempt

    (notice,) = take(ledger)
    assert (notice.job, notice.url, notice.state, notice.model) == (JOB, URL, "done", "defects-small@1")
    assert (notice.total, notice.succeeded, notice.failed, notice.attempt) == (2, 2, 0, 1)
    assert notice.since_first == timedelta(0)
    assert notice.finished_ms > notice.created_ms


@pytest.mark.parametrize("how", ["sealed", "cancelled", "stopped"])
def test_each_way_to_end_makes_it_due(ledger, how):
    submit(ledger, sealed=how != "sealed", max_failure_rate=0.1 if how == "stopped" else None)
    if how == "sealed":
        record(ledger, claimed(ledger), 0, 1)
        assert take(ledger) == []
        ledger.seal_job(JOB)
    elif how == "cancelled":
        ledger.cancel_job(JOB)
    else:
        fail(ledger, claimed(ledger), 0)

    (notice,) = take(ledger)
    assert notice.state == {"sealed": "done"}.get(how, how)


def test_a_job_without_a_webhook_leaves_nothing_to_tell(ledger, redis_client):
    submit(ledger, webhook=None)
    record(ledger, claimed(ledger), 0, 1)

    assert take(ledger) == []
    assert ledger.status(JOB).webhook is None
    assert redis_client.exists(keys.WEBHOOKS) == 0


def test_it_is_handed_out_once_until_its_lease_ends(ledger):
    done(ledger)
    lease = timedelta(seconds=0.3)
    (first,) = take(ledger, lease)
    assert take(ledger) == []

    (again,) = wait_until(lambda: take(ledger), that="a notice whose deliverer died is handed out again")

    assert (again.id, again.attempt) == (first.id, 2)
    assert again.since_first >= lease
    assert not ledger.notice_delivered(first), "what a deliverer says that was thought dead counts no more"
    assert ledger.status(JOB).webhook.state == "due"


def test_no_more_are_taken_than_asked_for(ledger):
    for number in range(3):
        ledger.create_job(f"job-{number}", options(), QUEUE, URL)
        ledger.cancel_job(f"job-{number}")

    assert [len(take(ledger, count=2)) for _ in range(3)] == [2, 1, 0]


def test_delivered_is_delivered(ledger, redis_client):
    done(ledger)

    assert ledger.notice_delivered(take(ledger)[0])

    told = ledger.status(JOB).webhook
    assert (told.state, told.attempts, told.last_error) == ("delivered", 1, None)
    assert redis_client.exists(keys.WEBHOOKS) == 0


def test_a_failure_is_told_again_when_it_says(ledger):
    done(ledger)
    (first,) = take(ledger)
    assert ledger.notice_failed(first, "HTTP 503", timedelta(seconds=0.3))
    assert take(ledger) == []
    told = ledger.status(JOB).webhook
    assert (told.state, told.attempts, told.last_error) == ("due", 1, "HTTP 503")

    (second,) = wait_until(lambda: take(ledger), that="it is told again")

    assert second.id == first.id
    ledger.notice_delivered(second)
    told = ledger.status(JOB).webhook
    assert (told.state, told.attempts, told.last_error) == ("delivered", 2, "HTTP 503")


def test_given_up_says_why(ledger):
    done(ledger)
    ledger.notice_given_up(take(ledger)[0], "HTTP 410")

    assert take(ledger) == []
    told = ledger.status(JOB).webhook
    assert (told.state, told.attempts, told.last_error) == ("given_up", 1, "HTTP 410")


def test_the_status_shows_no_query_and_whether_anybody_delivers(ledger, redis_client):
    done(ledger)
    assert ledger.status(JOB).webhook.state == "unattended"
    assert ledger.status(JOB).webhook.url == "https://hooks.example.org/vedette"

    take(ledger)
    assert ledger.status(JOB).webhook.state == "due"
    assert 0 < redis_client.pttl(keys.WEBHOOKS_ATTENDED) <= 30_000


# Older workers, dead letters, lost answers


def test_an_end_that_an_older_worker_did_not_mark_is_found(ledger, redis_client):
    # Given a job as the Lua of a worker that knows no webhooks ends it
    submit(ledger)
    redis_client.hset(keys.job(JOB), mapping={"state": "done", "finished_ms": 1_700_000_000_000})
    assert take(ledger) == []

    # When it is looked at, for watched jobs are looked at now and then
    redis_client.zadd(keys.WEBHOOKS, {JOB: 0})

    (notice,) = take(ledger)
    assert (notice.state, notice.finished_ms) == ("done", 1_700_000_000_000)


def test_an_open_job_is_looked_at_within_half_a_minute_again_and_again(ledger, redis_client):
    submit(ledger)
    for _ in range(2):
        assert 0 < redis_client.zscore(keys.WEBHOOKS, JOB) - now_ms(redis_client) <= 30_000
        redis_client.zadd(keys.WEBHOOKS, {JOB: 0})
        assert take(ledger) == []


def now_ms(redis_client):
    seconds, microseconds = redis_client.time()
    return seconds * 1000 + microseconds / 1000


def test_a_job_that_is_put_back_has_another_end(ledger):
    # Given a job whose end, with a dead letter, was told
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, 0)
    fail(ledger, claim, 1)
    close(ledger, claim)
    (first,) = take(ledger)
    ledger.notice_delivered(first)

    # When its dead letter is put back, and succeeds
    ledger.revive(JOB, "task-2", BIGGER, 8, [1])
    assert ledger.status(JOB).webhook.state == "waiting"
    assert take(ledger) == []
    record(ledger, claimed(ledger, task="task-2"), 1)

    # Then that is told too, as something else
    (second,) = take(ledger)
    assert second.id != first.id
    assert (second.attempt, second.succeeded, second.failed) == (1, 2, 0)


@pytest.mark.parametrize("ended_again", [False, True])
def test_a_job_that_is_put_back_while_it_is_told(ledger, ended_again):
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, 0)
    fail(ledger, claim, 1)
    close(ledger, claim)
    (first,) = take(ledger)
    ledger.revive(JOB, "task-2", BIGGER, 8, [1])
    if ended_again:
        record(ledger, claimed(ledger, task="task-2"), 1)

    ledger.notice_delivered(first)

    if not ended_again:
        assert take(ledger) == []
        record(ledger, claimed(ledger, task="task-2"), 1)
    (second,) = take(ledger)
    assert second.succeeded == 2


def test_calls_that_are_sent_twice_make_one_end(settings, redis_url):
    with TwiceRedis.from_url(redis_url, decode_responses=True) as network:
        ledger = Ledger(network, settings)
        done(ledger)
        before = network.hget(keys.job(JOB), "finished_ms")
        # the second of these has the notice, the first is lost with its answer
        assert take(ledger) == []
        assert network.hget(keys.job(JOB), "finished_ms") == before


def test_recording_the_last_image_again_does_not_move_the_end(ledger, redis_client):
    submit(ledger)
    claim = claimed(ledger)
    record(ledger, claim, 0, 1)
    redis_client.hset(keys.job(JOB), "finished_ms", 1)

    record(ledger, claim, 0, 1)

    assert redis_client.hget(keys.job(JOB), "finished_ms") == "1"


# Lifetimes


def test_every_key_has_a_lifetime_and_stands_in_the_document(ledger, redis_client):
    done(ledger)
    take(ledger)
    ledger.create_job("job-2", options(), QUEUE, URL)

    for key in redis_client.keys("*"):
        assert redis_client.pttl(key) > 0, key
        assert any(pattern.fullmatch(key) for pattern in documented_patterns()), key


def test_what_nobody_looked_at_for_the_lifetime_of_a_job_is_forgotten(ledger, redis_client, settings):
    lifetime_ms = settings.result_lifetime.total_seconds() * 1000
    now = now_ms(redis_client)
    redis_client.zadd(keys.WEBHOOKS, {"old": now - lifetime_ms - 1000, "young": now - lifetime_ms + 60_000})

    ledger.create_job(JOB, options(), QUEUE, URL)

    assert set(redis_client.zrange(keys.WEBHOOKS, 0, -1)) == {"young", JOB}


def test_a_job_whose_lifetime_is_over_is_taken_off(ledger, redis_client):
    redis_client.zadd(keys.WEBHOOKS, {"gone": 0})

    assert take(ledger) == []
    assert redis_client.exists(keys.WEBHOOKS) == 0
