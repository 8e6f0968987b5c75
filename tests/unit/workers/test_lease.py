import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
import redis

from contract.ledger import Claim
from tests.support.builders import options
from tests.support.wait import wait_until
from workers.lease import LeaseKeeper, LeaseLost

CLAIM = Claim("job", "task", 1, "detect.any.1g", 8, options(), ())
OTHER = Claim("another", "other", 1, "detect.any.1g", 8, options(), ())
SETTINGS = SimpleNamespace(lease_renewal=timedelta(milliseconds=10))


class ToldLedger:
    """Answers renewals with what it was told; the last answer holds on."""

    def __init__(self, *answers):
        self.answers = list(answers) or ["held"]
        self.renewals = 0

    def renew_all(self, claims):
        self.renewals += 1
        self.asked = claims
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, list) else [answer] * len(claims)


def keeper(ledger) -> LeaseKeeper:
    return LeaseKeeper(ledger, [CLAIM], SETTINGS)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lease-task"]


@pytest.fixture(autouse=True)
def _no_thread_stays():
    yield
    wait_until(lambda: not threads(), that="the keeper's thread has ended")


def test_a_lease_is_renewed_again_and_again_while_the_slot_works():
    ledger = ToldLedger()

    with keeper(ledger) as lease:
        wait_until(lambda: ledger.renewals >= 5)
        lease.check()


def test_renewing_ends_with_the_work():
    ledger = ToldLedger()
    with keeper(ledger):
        wait_until(lambda: ledger.renewals >= 1)

    wait_until(lambda: not threads(), that="the keeper's thread has ended")
    done = ledger.renewals
    assert not threading.Event().wait(0.05)
    assert ledger.renewals == done


def test_renewing_ends_when_the_work_fails_too():
    with pytest.raises(ValueError, match="the work"), keeper(ToldLedger()):
        raise ValueError("the work")


@pytest.mark.parametrize("standing", ["cancelled", "fenced"])
def test_a_refused_renewal_is_told_at_the_next_check_and_is_the_last(standing):
    ledger = ToldLedger("held", "held", standing, "held")

    with keeper(ledger) as lease:
        wait_until(lambda: not threads(), that="the keeper gives up")
        with pytest.raises(LeaseLost) as lost:
            lease.check()

    assert lost.value.standing == standing
    assert ledger.renewals == 3


def test_a_redis_that_is_away_for_a_moment_costs_nothing():
    ledger = ToldLedger("held", redis.ConnectionError("refused"), redis.TimeoutError("slow"), "held")

    with keeper(ledger) as lease:
        wait_until(lambda: ledger.renewals >= 6)
        lease.check()


def test_an_answer_that_the_slot_had_from_the_ledger_itself_counts_too():
    with keeper(ToldLedger()) as lease:
        with pytest.raises(LeaseLost, match="fenced"):
            lease.lost(CLAIM, "fenced")
        with pytest.raises(LeaseLost):
            lease.check()


def test_of_claims_that_are_run_together_the_one_that_is_lost_drops_out_alone():
    # Given two of which the second is cancelled at the second renewal
    ledger = ToldLedger(["held", "held"], ["held", "cancelled"], ["held"])

    with LeaseKeeper(ledger, [CLAIM, OTHER], SETTINGS) as lease:
        wait_until(lambda: ledger.renewals >= 4)

        # Then the first is renewed alone, and goes on
        assert ledger.asked == [CLAIM]
        assert (lease.standing(CLAIM), lease.standing(OTHER)) == ("held", "cancelled")
        lease.check()

        # Until that one is lost too
        with pytest.raises(LeaseLost, match="fenced"):
            lease.lost(CLAIM, "fenced")


def test_the_loss_of_one_of_them_that_the_slot_itself_heard_of_stops_no_other():
    with LeaseKeeper(ToldLedger(), [CLAIM, OTHER], SETTINGS) as lease:
        lease.lost(CLAIM, "cancelled")
        lease.check()
        assert (lease.standing(CLAIM), lease.standing(OTHER)) == ("cancelled", "held")


def test_a_claim_whose_attempt_is_closed_is_not_renewed_and_never_lost():
    # Given two of which the first is closed while a renewal of it is under way
    asked, told = threading.Event(), threading.Event()

    class SlowLedger(ToldLedger):
        def renew_all(self, claims):
            answers = super().renew_all(claims)
            asked.set()
            assert told.wait(10)
            return answers

    ledger = SlowLedger(["fenced", "held"], "held")
    with LeaseKeeper(ledger, [CLAIM, OTHER], SETTINGS) as lease:
        assert asked.wait(10)
        lease.closed(CLAIM)
        told.set()
        wait_until(lambda: ledger.renewals >= 3)

        assert ledger.asked == [OTHER]
        assert (lease.standing(CLAIM), lease.standing(OTHER)) == ("closed", "held")
        lease.check()

        # Then the other one is the last
        with pytest.raises(LeaseLost):
            lease.lost(OTHER, "cancelled")
        assert lease.standing(CLAIM) == "closed"


def test_nothing_is_renewed_before_the_first_interval_is_over():
    ledger = ToldLedger()

    with LeaseKeeper(ledger, [CLAIM], SimpleNamespace(lease_renewal=timedelta(hours=1))) as lease:
        lease.check()

    assert ledger.renewals == 0


def test_after_a_failure_it_does_not_wait_for_the_next_renewal_to_be_due():
    ledger = ToldLedger("held", redis.TimeoutError("cut off"), "held")
    seldom = SimpleNamespace(lease_renewal=timedelta(seconds=2))
    with LeaseKeeper(ledger, [CLAIM], seldom):
        wait_until(lambda: ledger.renewals == 2, that="a renewal fails")
        failed_s = time.monotonic()
        wait_until(lambda: ledger.renewals == 3, that="it is tried again")
    assert time.monotonic() - failed_s < 1.5
