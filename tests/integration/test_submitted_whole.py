"""A small job that is all there: in the ledger in one step, as if by create_job, add_tasks and seal_job."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from contract import keys
from contract.errors import JobClosed
from contract.ledger import Ledger, NewTask
from contract.settings import Settings
from producer import Client
from producer import submitting as module
from tests.support.builders import image_refs, options
from tests.support.ledger_calls import TwiceRedis
from tests.support.redis_cost import redis_cost

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"
JOB = "job-1"
HOOK = "https://receiver.example/hook"


def tasks(*sizes: int) -> list[NewTask]:
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    return [NewTask(f"task-{n}", QUEUE, 8, tuple(image_refs(size, starts[n]))) for n, size in enumerate(sizes)]


def everything(client: redis.Redis) -> dict[str, object]:
    """What every key holds, but for times, and whether it ends."""
    held: dict[str, object] = {}
    for key in client.scan_iter():
        kind = client.type(key)
        if kind == "hash":
            value: object = {name: text for name, text in client.hgetall(key).items() if not name.endswith("_ms")}
        else:
            value = client.lrange(key, 0, -1) if kind == "list" else client.zrange(key, 0, -1)
        held[key] = value, client.pttl(key) > 0
    return held


@pytest.mark.parametrize("webhook", [None, HOOK])
def test_it_leaves_the_same_as_step_by_step(ledger: Ledger, redis_client: redis.Redis, webhook: str | None) -> None:
    asked = options(max_failure_rate=0.2)
    ledger.create_job(JOB, asked, QUEUE, webhook)
    ledger.add_tasks(JOB, tasks(8, 3))
    ledger.seal_job(JOB, 11)
    step_by_step = everything(redis_client)
    redis_client.flushdb()

    ledger.submit_job(JOB, asked, QUEUE, tasks(8, 3), webhook)

    assert everything(redis_client) == step_by_step


def test_asked_again_it_is_the_same_job_however_far_that_has_come(redis_client: redis.Redis, ledger: Ledger) -> None:
    ledger.submit_job(JOB, options(), QUEUE, tasks(2, 1))
    claim = ledger.claim(JOB, "task-0", "small@yard")
    before = everything(redis_client)

    ledger.submit_job(JOB, options(), QUEUE, tasks(2, 1))

    assert everything(redis_client) == before
    assert not isinstance(claim, str)
    assert ledger.renew(claim) == "held"


def test_a_call_that_is_sent_twice_makes_one_job(settings: Settings) -> None:
    twice = Ledger(TwiceRedis.from_url(settings.redis_url, decode_responses=True), settings)

    twice.submit_job(JOB, options(), QUEUE, tasks(2, 1))

    assert (twice.status(JOB).total, twice.tasks(JOB)) == (3, ["task-0", "task-1"])


def test_a_name_that_is_taken_stays_with_its_job(ledger: Ledger, redis_client: redis.Redis) -> None:
    # Given another job of that name that asks for the same
    ledger.create_job(JOB, options(), QUEUE)
    before = everything(redis_client)

    with pytest.raises(JobClosed, match="exists already"):
        ledger.submit_job(JOB, options(), QUEUE, tasks(2))

    assert everything(redis_client) == before


def test_a_task_may_have_more_images_than_a_call_in_lua_has_arguments(ledger: Ledger) -> None:
    ledger.submit_job(JOB, options(), QUEUE, tasks(9000))

    assert len(ledger.images_left("task-0")) == 9000


# The client


@pytest.fixture
def taken_once(monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> Iterator[None]:
    """The first name that is thought of is another job's."""
    ledger.create_job("taken", options(), QUEUE)
    names = iter(["taken", "free"])
    monkeypatch.setattr(module, "_new_name", lambda: next(names))
    yield
    assert ledger.status("taken").state == "open"


@pytest.mark.usefixtures("taken_once")
def test_another_name_is_found(client: Client) -> None:
    assert client.submit(["a.jpg"], "defects-small").id == "free"


def test_it_takes_two_round_trips_once_the_fleet_has_been_looked_at(client: Client, redis_client: redis.Redis) -> None:
    client.submit(["a.jpg"], "defects-small")

    with redis_cost(redis_client) as cost:
        client.submit(["a.jpg"], "defects-small")

    assert cost.round_trips == 2, cost


def test_the_bells_ring_when_it_is_in_the_ledger(
    client: Client, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = []

    def ring_all(_app: object, bells: list[tuple[module.DetectMessage, int]], _queue: str) -> None:
        there.extend(redis_client.exists(keys.task(message.task)) for message, _ in bells)

    monkeypatch.setattr(module, "ring_all", ring_all)

    client.submit([f"/archive/{n}.jpg" for n in range(40)], "defects-small")

    assert there == [1, 1]


def test_a_job_that_redis_lost_while_its_bells_rang_is_told_of(
    client: Client, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a Redis that is restarted without what it had, and rings after that
    def ring_late(*_: object) -> None:
        module.time.sleep(2 * module._HIDES_AN_OUTAGE_S)
        redis_client.flushdb()

    monkeypatch.setattr(module, "ring_all", ring_late)

    with pytest.raises(module.NotReplicated, match="has lost job"):
        client.submit(["a.jpg"], "defects-small")


def test_what_cannot_be_rung_for_does_not_run(
    settings: Settings, client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise redis.exceptions.ResponseError("OOM command not allowed")

    monkeypatch.setattr(module, "ring_all", refuse)
    monkeypatch.setattr(module, "_new_name", lambda: JOB)
    with Client(settings=settings, patience=timedelta(0)) as hasty, pytest.raises(module.VedetteError):
        hasty.submit(["a.jpg"], "defects-small")

    assert ledger.status(JOB).state == "cancelled"
    assert client.job(JOB).status().ended
