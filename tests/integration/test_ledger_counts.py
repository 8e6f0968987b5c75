"""Counters that outlive jobs and workers: raised with what they count, once, however often a call is sent."""

import pytest
import redis

from contract import keys
from contract.ledger import BatchRun, Ledger, PutBack
from tests.support.builders import MODEL, found, not_processed
from tests.support.ledger_calls import JOB, QUEUE, TASK, TwiceRedis, claimed, close, ended, submit

pytestmark = pytest.mark.integration

RUN = BatchRun(2, 0.5, "1024m", predicted_bytes=1000, peak_bytes=800)


def whole_job(ledger: Ledger) -> None:
    """Two images found in one call, one that is no image, one that memory fails; killed once in between."""
    submit(ledger, 4)
    claim = claimed(ledger)
    ledger.record(JOB, TASK, claim.attempt, [(0, found("0.jpg")), (1, found("1.jpg"))], RUN)
    ledger.close(JOB, TASK, ended(claim, verdict="memory", outcome="batch 8 → 4"), PutBack(QUEUE, 8), "guard")
    claim = claimed(ledger)
    results = [(2, not_processed("2.jpg")), (3, not_processed("3.jpg", "memory"))]
    ledger.record(JOB, TASK, claim.attempt, results)
    close(ledger, claim)


@pytest.mark.parametrize("twice", [False, True], ids=["sent once", "every call is sent twice"])
def test_images_failures_attempts_kills_and_calls_are_counted(redis_url, settings, twice):
    kind = TwiceRedis if twice else redis.Redis
    with kind.from_url(redis_url, decode_responses=True) as client:
        ledger = Ledger(client, settings)
        whole_job(ledger)

        counts = ledger.counts([MODEL])[MODEL]

    assert counts.images == {"succeeded": 2, "failed": 1, "dead": 1}
    assert counts.failures == {"image_missing": 1, "memory": 1}
    assert counts.attempts == {"memory": 1, "done": 1}
    assert counts.kills == {"guard": 1}
    assert (counts.batch.count, counts.batch.sum) == (1, 2)
    assert (counts.seconds.count, counts.seconds.sum) == (2, 0.5)
    assert (counts.ratio.count, counts.ratio.sum) == (1, 0.8)
    assert counts.peaks == {"1024m": (1000, 800)}


def test_what_is_refused_counts_nothing(ledger, redis_client):
    submit(ledger, 4)
    stale = claimed(ledger)
    ledger.close(JOB, TASK, ended(stale, outcome="handed back: the worker is leaving"), PutBack(QUEUE, 8))
    claimed(ledger, "other@yard")

    assert ledger.record(JOB, TASK, stale.attempt, [(0, found("0.jpg"))], RUN) == "fenced"
    assert close(ledger, stale) == "fenced"

    assert redis_client.hgetall(keys.counts(MODEL)) == {"attempts:handed_back": "1"}


def test_a_dead_letter_that_is_put_back_and_fails_again_counts_again(ledger):
    submit(ledger, 1)
    claim = claimed(ledger)
    ledger.record(JOB, TASK, claim.attempt, [(0, not_processed("0.jpg", "memory"))])
    close(ledger, claim)
    ledger.revive(JOB, "task-2", QUEUE, 8, [0])
    claim = claimed(ledger, task="task-2")
    ledger.record(JOB, "task-2", claim.attempt, [(0, not_processed("0.jpg", "memory"))])

    assert ledger.counts([MODEL])[MODEL].images == {"dead": 2}


def test_counters_have_the_lifetime_of_the_registry(ledger, redis_client, settings):
    whole_job(ledger)

    left_s = redis_client.pttl(keys.counts(MODEL)) / 1000
    assert 0 < left_s <= settings.registry_lifetime.total_seconds()
    assert left_s > settings.registry_lifetime.total_seconds() - 60


def test_an_attempt_at_a_job_that_is_gone_is_counted_nowhere(ledger, redis_client):
    submit(ledger, 1)
    claim = claimed(ledger)
    redis_client.delete(keys.job(JOB))

    assert close(ledger, claim) == "cancelled"

    assert not redis_client.exists(keys.counts(MODEL))
