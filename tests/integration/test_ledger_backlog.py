"""The survey of what waits and what runs, by queue and by model."""

import itertools

import pytest
import redis

from contract import keys
from contract.ledger import Claim, Ledger, Work
from contract.ledger.backlog import RUNNING_MAX, Seen, places, work_by
from tests.support.builders import image_refs, options
from tests.support.ledger_calls import BIGGER, QUEUE


def submit(ledger: Ledger, job: str, queue: str, *, model: str, tasks: int, images: int) -> None:
    ledger.create_job(job, options(model), queue)
    for number in range(tasks):
        ledger.add_task(job, f"{job}-{number}", queue, 8, image_refs(images, start=images * number))


@pytest.mark.parametrize(
    ("depth", "sample", "looked_at"),
    [
        (0, 10, []),
        (8, 10, [(0, 7)]),
        (10, 10, [(0, 9)]),
        (1000, 10, [(0, 1), (250, 251), (499, 500), (748, 749), (998, 999)]),
        (6, 5, [(0, 0), (1, 1), (2, 2), (4, 4), (5, 5)]),
    ],
)
def test_a_long_queue_is_looked_at_from_its_head_to_its_tail(
    depth: int, sample: int, looked_at: list[tuple[int, int]]
) -> None:
    assert places(depth, sample) == looked_at


def test_a_task_that_was_looked_at_stands_for_others() -> None:
    seen = [Seen("q", "a", images=4, stands_for=2.5), Seen("q", "a", 8, 2.5), Seen("q", "b", 3, worker="small@yard")]

    assert work_by((task.job, task) for task in seen) == {"a": Work(5, 30, 0, 0), "b": Work(0, 0, 1, 3)}


@pytest.mark.integration
def test_what_waits_and_what_runs(ledger: Ledger) -> None:
    submit(ledger, "job-a", QUEUE, model="small@1", tasks=3, images=10)
    submit(ledger, "job-b", QUEUE, model="other@2", tasks=1, images=7)
    submit(ledger, "job-c", BIGGER, model="small@1", tasks=1, images=5)
    ledger.claim("job-a", "job-a-1", "small@yard")
    ledger.claim("job-b", "job-b-0", "small@yard")

    backlog = ledger.backlog()

    assert backlog.queues == {QUEUE: Work(2, 20, 2, 17), BIGGER: Work(1, 5, 0, 0)}
    assert backlog.models == {"small@1": Work(3, 25, 1, 10), "other@2": Work(0, 0, 1, 7)}
    assert backlog.parts == {
        (QUEUE, "small@1"): Work(2, 20, 1, 10),
        (QUEUE, "other@2"): Work(0, 0, 1, 7),
        (BIGGER, "small@1"): Work(1, 5, 0, 0),
    }
    assert backlog.slots_busy == {"small@yard": 2}
    assert not backlog.estimated
    assert {*backlog.oldest_s} == {QUEUE, BIGGER}


@pytest.mark.integration
def test_a_queue_in_which_nothing_waits_is_there_and_empty(ledger: Ledger) -> None:
    submit(ledger, "job-a", QUEUE, model="small@1", tasks=1, images=1)
    ledger.cancel_job("job-a")

    backlog = ledger.backlog()

    assert backlog.queues == {QUEUE: Work()}
    assert backlog.oldest_s == {}


@pytest.mark.integration
def test_no_queue_at_all(ledger: Ledger) -> None:
    backlog = ledger.backlog()

    assert (backlog.queues, backlog.models, backlog.slots_busy) == ({}, {}, {})


@pytest.mark.integration
def test_a_long_queue_is_estimated_with_both_of_its_models(ledger: Ledger, redis_client: redis.Redis) -> None:
    # Given a thousand tasks of one model, and behind them five hundred of another
    submit(ledger, "job-a", QUEUE, model="small@1", tasks=1000, images=2)
    submit(ledger, "job-b", QUEUE, model="other@2", tasks=500, images=4)
    for place, task in enumerate(itertools.chain(ledger.tasks("job-a"), ledger.tasks("job-b"))):
        redis_client.zadd(keys.bells(QUEUE), {task: place})

    backlog = ledger.backlog()

    assert backlog.estimated
    assert backlog.queues[QUEUE].tasks_waiting == 1500
    assert backlog.queues[QUEUE].images_waiting == pytest.approx(4000, rel=0.15)
    assert backlog.models["small@1"].images_waiting == pytest.approx(2000, rel=0.25)
    assert backlog.models["other@2"].images_waiting == pytest.approx(2000, rel=0.25)


@pytest.mark.integration
def test_a_task_whose_record_has_ended_is_passed_over(ledger: Ledger, redis_client: redis.Redis) -> None:
    submit(ledger, "job-a", QUEUE, model="small@1", tasks=3, images=10)
    ledger.claim("job-a", "job-a-2", "small@yard")
    redis_client.delete(keys.task("job-a-0"), keys.task("job-a-2"))

    backlog = ledger.backlog()

    assert backlog.models["small@1"].images_waiting == 10
    assert backlog.slots_busy == {}


@pytest.mark.integration
def test_small_tasks_that_run_together_are_in_one_slot(ledger: Ledger) -> None:
    submit(ledger, "job-a", QUEUE, model="small@1", tasks=3, images=1)
    submit(ledger, "job-b", QUEUE, model="other@2", tasks=1, images=1)
    first = ledger.claim("job-a", "job-a-0", "small@yard")
    assert isinstance(first, Claim)
    assert len(ledger.claim_together(first, "small@yard")) == 2
    ledger.claim("job-b", "job-b-0", "small@yard")

    backlog = ledger.backlog()

    assert backlog.slots_busy == {"small@yard": 2}
    assert backlog.queues[QUEUE] == Work(0, 0, 4, 4)


@pytest.mark.integration
def test_more_tasks_run_than_are_looked_at(ledger: Ledger, redis_client: redis.Redis) -> None:
    redis_client.zadd(keys.LEASES, {f"task-{number}": number for number in range(RUNNING_MAX + 1)})
    redis_client.expire(keys.LEASES, 60)

    backlog = ledger.backlog()

    assert backlog.slots_busy is None
    assert backlog.estimated
