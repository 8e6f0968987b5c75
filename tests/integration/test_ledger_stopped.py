"""A job that is stopped because more of its images failed than it allows. Against a real Redis."""

from datetime import timedelta

import pytest

from contract import keys
from contract.errors import JobClosed
from tests.support.builders import image_refs
from tests.support.ledger_calls import JOB, QUEUE, TASK, claimed, close, fail, record, submit

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("images", "rate", "allowed"),
    [
        (10, 0.2, 2),
        (10, 0.0, 0),
        (10, 0.25, 2),
        (3, 0.34, 1),
        (100, 0.29, 29),  # 0.29 × 100 is 28.999999999999996 in floating point
        (100, 0.07, 7),  # and 0.07 × 100 is 7.000000000000001
        (10, 1.0, 9),  # the tenth ends it anyway
    ],
)
def test_one_failure_more_than_allowed_stops_it(ledger, images, rate, allowed):
    submit(ledger, images, max_failure_rate=rate)
    claim = claimed(ledger)

    fail(ledger, claim, *range(allowed), code="image_missing")
    assert ledger.status(JOB).state == "open"
    fail(ledger, claim, allowed, code="image_missing")

    status = ledger.status(JOB)
    assert status.state == ("done" if allowed + 1 == images else "stopped")
    assert status.failed == allowed + 1
    assert status.ended
    assert status.finished is not None


def test_dead_letters_count_as_failures(ledger):
    submit(ledger, 10, max_failure_rate=0.1)
    claim = claimed(ledger)

    fail(ledger, claim, 0, code="memory")
    fail(ledger, claim, 1, code="image_empty")

    assert ledger.status(JOB).state == "stopped"


def test_without_a_rate_it_is_never_stopped(ledger):
    submit(ledger, 10)

    fail(ledger, claimed(ledger), *range(9))

    assert ledger.status(JOB).state == "open"


def test_a_job_whose_last_image_has_its_result_is_done_however_many_failed(ledger):
    submit(ledger, 4, max_failure_rate=0.5)

    fail(ledger, claimed(ledger), 0, 1, 2, 3)

    assert ledger.status(JOB).state == "done"


def test_it_is_judged_once_it_is_sealed_with_the_next_result(ledger):
    # Given a job that still grows: nobody knows yet what share its failures are
    submit(ledger, 10, sealed=False, max_failure_rate=0.2)
    claim = claimed(ledger)
    fail(ledger, claim, 0, 1, 2, 3, 4)
    ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(10, start=10))
    assert ledger.status(JOB).state == "open"

    # When it is sealed, with 5 of 20 failed
    ledger.seal_job(JOB)
    assert ledger.status(JOB).state == "open"
    record(ledger, claim, 5)

    assert ledger.status(JOB).state == "stopped"


def test_a_stopped_job_hands_out_and_takes_nothing_more(ledger, redis_client):
    # Given a job with a task running and one waiting
    submit(ledger, 4, sealed=False, max_failure_rate=0.1)
    ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(4, start=4))
    ledger.seal_job(JOB)
    claim = claimed(ledger)
    record(ledger, claim, 0)

    # When it is stopped
    assert fail(ledger, claim, 1) == "recorded"
    assert ledger.status(JOB).state == "stopped"

    # Then the running slot hears it at every word
    assert ledger.renew(claim) == "cancelled"
    assert record(ledger, claim, 2) == "cancelled"
    assert close(ledger, claim) == "cancelled"
    assert ledger.claim(JOB, TASK, "w") == "cancelled"
    assert redis_client.zcard(keys.LEASES) == 0
    # And a bell that is rung for the waiting one is the last
    assert ledger.silent(timedelta(0)) == ["task-2"]
    assert ledger.claim(JOB, "task-2", "w") == "cancelled"
    assert ledger.silent(timedelta(0)) == []
    # And what was there stays
    assert [(index, result.ok) for index, result in ledger.results(JOB)] == [(0, True), (1, False)]
    assert ledger.cancel_job(JOB) == "stopped"
    assert ledger.status(JOB).state == "stopped"
    with pytest.raises(JobClosed):
        ledger.add_task(JOB, "task-3", QUEUE, 8, image_refs(1, start=8))


def test_its_keys_have_a_lifetime(ledger, redis_client):
    submit(ledger, 4, max_failure_rate=0)
    fail(ledger, claimed(ledger), 0)

    assert ledger.status(JOB).state == "stopped"
    assert [key for key in redis_client.scan_iter() if redis_client.ttl(key) < 0] == []
