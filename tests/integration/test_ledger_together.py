"""Small tasks that are claimed together with another: which are taken, and what each of them still has of its own."""

import time
from datetime import UTC, datetime

import pytest
import redis

from contract import keys
from contract.connection import connect
from contract.ledger import Attempt, Claim, Ledger, NewTask, PutBack, Recording
from contract.ledger.together import COMPANIONS_MAX
from contract.settings import Settings
from tests.support.builders import found, image_refs, not_processed, options
from tests.support.ledger_calls import BIGGER, QUEUE, TwiceRedis, ended
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

WORKER = "small@yard"


def add(ledger: Ledger, name: str, *, images: int = 1, queue: str = QUEUE, batch_size: int = 8, **fields) -> str:
    """A sealed job `name` with one task of the same name; `fields` are of its options."""
    ledger.create_job(name, options(**fields), queue)
    ledger.add_task(name, name, queue, batch_size, image_refs(images))
    ledger.seal_job(name)
    time.sleep(0.002)  # bells are told apart by the millisecond
    return name


def claim(ledger: Ledger, name: str) -> Claim:
    claim = ledger.claim(name, name, WORKER)
    assert isinstance(claim, Claim), f"refused: {claim}"
    return claim


def taken(ledger: Ledger, first: Claim) -> list[str]:
    return [each.task for each in ledger.claim_together(first, WORKER)]


def put_back(ledger: Ledger, name: str) -> None:
    """An attempt at it failed."""
    ledger.close(name, name, ended(claim(ledger, name), verdict="memory"), PutBack(QUEUE, 8))


def test_small_tasks_of_the_same_kind_come_along_each_with_a_claim_of_its_own(ledger):
    # Given three callers with an image each
    for name in ("a", "b", "c"):
        add(ledger, name)
    first = claim(ledger, "a")

    # When the slot that hears the first bell asks for more
    companions = ledger.claim_together(first, WORKER)

    # Then it has the others too, the oldest first
    assert companions == tuple(Claim(name, name, 1, QUEUE, 8, options(), tuple(image_refs(1))) for name in ("b", "c"))
    assert [(ledger.task(name).state, ledger.task(name).worker) for name in "bc"] == [("running", WORKER)] * 2
    assert ledger.renew_all([first, *companions]) == ["held"] * 3
    # And there is nothing more, nor for anybody else
    assert ledger.depths([QUEUE])[QUEUE].tasks == 0
    assert taken(ledger, add(ledger, "d") and claim(ledger, "d")) == []


@pytest.mark.parametrize(
    ("other", "is_taken"),
    [
        pytest.param({}, True, id="one image"),
        pytest.param({"images": 7}, True, id="as many as there is room for"),
        pytest.param({"images": 8}, False, id="more than there is room for"),
        pytest.param({"queue": BIGGER}, False, id="another queue"),
        pytest.param({"model": "defects-large@1"}, False, id="another model"),
        pytest.param({"digest": "sha256:" + "1" * 64}, False, id="another digest"),
        pytest.param({"min_score": 0.9}, False, id="another least score"),
        pytest.param({"exact": True}, False, id="exact"),
        pytest.param({"allow_degraded": True}, False, id="may be made coarser"),
        pytest.param({"max_failure_rate": 0.5}, False, id="may be stopped"),
        pytest.param({"batch_size": 4}, False, id="another batch size"),
    ],
)
def test_which_tasks_come_along(ledger, other, is_taken):
    add(ledger, "first")
    add(ledger, "other", **other)

    assert taken(ledger, claim(ledger, "first")) == ["other"] * is_taken
    assert ledger.task("other").state == ("running" if is_taken else "queued")


def test_a_task_that_failed_before_neither_comes_along_nor_takes_any(ledger):
    add(ledger, "failed")
    put_back(ledger, "failed")
    add(ledger, "first")
    assert taken(ledger, claim(ledger, "first")) == []

    add(ledger, "other")
    second = claim(ledger, "failed")

    assert (second.attempt, taken(ledger, second)) == (2, [])
    # Nor when somebody says that it is the first attempt
    first = Claim("failed", "failed", 1, QUEUE, 8, options(), (), others_wait=True)
    assert taken(ledger, first) == []


def test_nor_does_one_that_was_split_off_from_an_attempt_that_failed(ledger):
    # Given an image that did not fit alone and went to another queue, as a task of its own
    add(ledger, "large")
    failed = claim(ledger, "large")
    new = NewTask("moved", BIGGER, 8, failed.images)
    ledger.close("large", "large", ended(failed, verdict="memory"), PutBack(QUEUE, 8, (), new))
    add(ledger, "first", queue=BIGGER)

    assert taken(ledger, claim(ledger, "first")) == []

    add(ledger, "other", queue=BIGGER)
    moved = ledger.claim("large", "moved", WORKER)
    assert (moved.attempt, taken(ledger, moved)) == (1, [])


def test_nor_does_one_that_was_revived(ledger):
    # Given an image that was given up and put back by an operator
    add(ledger, "poison")
    given_up = claim(ledger, "poison")
    ledger.record("poison", "poison", 1, [(0, not_processed("00000.jpg", "crash"))])
    ledger.close("poison", "poison", ended(given_up, verdict="crash"), PutBack(QUEUE, 8))
    ledger.revive("poison", "revived", QUEUE, 8, [0])
    add(ledger, "first")

    assert ledger.task("revived").state == "queued"
    assert taken(ledger, claim(ledger, "first")) == []


@pytest.mark.parametrize("state", ["cancelled", "stopped", "running", "done"])
def test_what_is_not_to_be_done_now_does_not_come_along(ledger, redis_client, state):
    add(ledger, "first")
    add(ledger, "other")
    if state == "cancelled":
        ledger.cancel_job("other")
    elif state == "stopped":
        redis_client.hset(keys.job("other"), "state", "stopped")
    else:
        other = claim(ledger, "other")
        if state == "done":
            ledger.record("other", "other", 1, [(0, found())])
            ledger.close("other", "other", ended(other), PutBack(QUEUE, 8))
        redis_client.zadd(keys.bells(QUEUE), {"other": 0})  # a bell that was rung late

    assert taken(ledger, claim(ledger, "first")) == []


def test_a_first_one_that_is_not_wanted_any_more_takes_nobody_along(ledger):
    for name in ("first", "other"):
        add(ledger, name)
    first = claim(ledger, "first")
    ledger.cancel_job("first")

    assert taken(ledger, first) == []


def test_a_job_of_a_newer_version_is_left_to_newer_workers(ledger, redis_client):
    add(ledger, "first")
    add(ledger, "newer")
    redis_client.hset(keys.job("newer"), "v", 2)

    assert taken(ledger, claim(ledger, "first")) == []


def test_a_task_whose_record_is_gone_is_passed_over(ledger, redis_client):
    for name in ("first", "gone", "other"):
        add(ledger, name)
    redis_client.delete(keys.task("gone"))

    assert taken(ledger, claim(ledger, "first")) == ["other"]


def test_by_age_whoever_still_fits_until_the_batch_is_full(ledger):
    for name, images in (("first", 2), ("b", 3), ("c", 4), ("d", 1), ("e", 2), ("f", 1)):
        add(ledger, name, images=images)

    assert taken(ledger, claim(ledger, "first")) == ["b", "d", "e"]


def test_a_task_that_fills_its_batch_asks_nobody(ledger):
    add(ledger, "first", images=8)
    add(ledger, "other")

    assert taken(ledger, claim(ledger, "first")) == []


def test_nobody_is_asked_when_nothing_waits_beside_it(ledger, monkeypatch):
    # A lone caller is not to wait for one more round trip.
    add(ledger, "first")
    first = claim(ledger, "first")
    assert not first.others_wait
    monkeypatch.setattr(ledger, "_scripts", None)

    assert taken(ledger, first) == []


def test_no_more_tasks_than_a_slot_can_answer_for(ledger):
    for number in range(COMPANIONS_MAX + 5):
        add(ledger, f"n{number:02}", batch_size=100)

    assert taken(ledger, claim(ledger, "n00")) == [f"n{number:02}" for number in range(1, COMPANIONS_MAX + 1)]


@pytest.mark.parametrize(("slots", "count"), [(1, 7), (2, 3), (3, 2), (8, 0), (20, 0)])
def test_the_slots_of_a_worker_share_what_waits(ledger, slots, count):
    # Given eight tasks that one batch would hold
    for number in range(8):
        add(ledger, f"n{number}")

    assert len(ledger.claim_together(claim(ledger, "n0"), WORKER, slots)) == count


def test_a_long_queue_has_enough_for_every_slot(ledger):
    ledger.create_job("many", options(batch_size=100), QUEUE)
    ledger.add_tasks("many", [NewTask(f"m{number}", QUEUE, 100, (image_refs(1, number)[0],)) for number in range(200)])
    first = ledger.claim("many", "m0", WORKER)

    assert len(ledger.claim_together(first, WORKER, 8)) == COMPANIONS_MAX


def test_what_stands_far_behind_is_not_looked_for(ledger):
    # Given one of the same kind behind a hundred of another one
    ledger.create_job("many", options(min_score=0.9), QUEUE)
    ledger.add_tasks("many", [NewTask(f"m{number}", QUEUE, 8, (image_refs(1, number)[0],)) for number in range(100)])
    time.sleep(0.002)
    add(ledger, "other")
    add(ledger, "first")

    assert taken(ledger, claim(ledger, "first")) == []


def test_its_own_bell_is_answered_that_it_went_along(ledger):
    # Given a task that was taken before its doorbell was heard
    for name in ("first", "other"):
        add(ledger, name)
    [other] = ledger.claim_together(claim(ledger, "first"), WORKER)
    assert ledger.claim("other", "other", "late@yard") == "together"

    # And so after it is done
    ledger.record("other", "other", 1, [(0, found())])
    ledger.close("other", "other", ended(other), PutBack(QUEUE, 8))
    assert ledger.claim("other", "other", "late@yard") == "together"
    assert ledger.task("other").attempt == 1


def test_put_back_it_is_claimed_by_its_own_bell_and_goes_alone(ledger):
    for name in ("first", "other"):
        add(ledger, name)
    [other] = ledger.claim_together(claim(ledger, "first"), WORKER)
    ledger.close("other", "other", ended(other, verdict="lost"), PutBack(QUEUE, 8))

    again = claim(ledger, "other")

    assert again.attempt == 2
    assert ledger.claim("other", "other", "late@yard") == "running"
    assert ledger.renew_all([other, again]) == ["fenced", "held"]


def test_of_two_slots_that_ask_at_once_each_task_goes_to_one(settings):
    with connect(settings) as one, connect(settings) as two:
        ledgers = Ledger(one, settings), Ledger(two, settings)
        for name in ("a", "b", "c", "d"):
            add(ledgers[0], name)
        firsts = claim(ledgers[0], "a"), claim(ledgers[1], "b")

        assert [taken(own, first) for own, first in zip(ledgers, firsts, strict=True)] == [["c", "d"], []]


def test_asked_again_for_the_answer_was_lost_it_is_the_same(settings):
    with TwiceRedis.from_url(settings.redis_url, decode_responses=True) as twice:
        ledger = Ledger(twice, settings)
        for name in ("first", "b", "c"):
            add(ledger, name)

        companions = ledger.claim_together(claim(ledger, "first"), WORKER)

        assert [(each.task, each.attempt, len(each.images)) for each in companions] == [("b", 1, 1), ("c", 1, 1)]


def test_results_and_ends_are_told_for_all_at_once_and_stand_with_each(ledger):
    for name in ("first", "b", "c"):
        add(ledger, name)
    claims = [claim(ledger, "first")]
    claims += ledger.claim_together(claims[0], WORKER)
    # Given one that is cancelled meanwhile
    ledger.cancel_job("b")
    assert ledger.renew_all(claims) == ["held", "cancelled", "held"]

    recorded = ledger.record_all([Recording(each, [(0, found())]) for each in claims])
    assert recorded == ["recorded", "cancelled", "recorded"]
    one = Attempt(attempt=1, worker=WORKER, batch_size=3, ended=datetime.now(UTC))
    assert ledger.close_all([(each, one, PutBack(QUEUE, 8)) for each in claims]) == ["done", "cancelled", "done"]

    assert [ledger.status(name).state for name in ("first", "b", "c")] == ["done", "cancelled", "done"]
    assert [len(ledger.history(name)) for name in ("first", "b", "c")] == [1, 1, 1]
    assert [ledger.status(name).succeeded for name in ("first", "b", "c")] == [1, 0, 1]


def test_scripts_that_a_restarted_redis_has_forgotten_are_sent_again(ledger, redis_client):
    for name in ("first", "b"):
        add(ledger, name)
    claims = [claim(ledger, "first")]
    claims += ledger.claim_together(claims[0], WORKER)
    redis_client.script_flush()

    assert ledger.renew_all(claims) == ["held", "held"]


def test_a_lease_that_nobody_renews_runs_out_for_each(redis_client: redis.Redis, settings: Settings):
    ledger = Ledger(redis_client, settings.model_copy(update={"lease": settings.lease / 20}))
    for name in ("first", "b"):
        add(ledger, name)
    ledger.claim_together(claim(ledger, "first"), WORKER)

    wait_until(lambda: sorted(ledger.expired()) == ["b", "first"], timeout_s=3, that="both leases run out")


def test_every_key_has_its_whole_lifetime(ledger, redis_client, settings):
    for name in ("first", "other"):
        add(ledger, name)
    first = claim(ledger, "first")
    needed = [keys.job("other"), keys.task("other"), keys.task_images("other")]
    for key in needed:
        redis_client.expire(key, 5)

    assert taken(ledger, first) == ["other"]

    whole_s = settings.result_lifetime.total_seconds()
    assert {key: redis_client.ttl(key) for key in needed if redis_client.ttl(key) < whole_s - 5} == {}
    assert [key for key in redis_client.scan_iter() if redis_client.ttl(key) < 0] == []
