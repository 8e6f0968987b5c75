"""What waits on a queue, as an operator or a gateway asks for it."""

import pytest
import redis

from contract import keys
from contract.ledger import Ledger, QueueDepth
from tests.support.builders import image_refs, options
from tests.support.ledger_calls import BIGGER, QUEUE

pytestmark = pytest.mark.integration


def submit_tasks(ledger: Ledger, tasks: int, images: int) -> None:
    ledger.create_job("job-1", options(), QUEUE)
    for number in range(tasks):
        ledger.add_task("job-1", f"task-{number}", QUEUE, 8, image_refs(images, start=images * number))
        ledger.rung(f"task-{number}", QUEUE)


def test_what_nobody_has_claimed_is_counted(ledger: Ledger) -> None:
    submit_tasks(ledger, tasks=3, images=20)
    ledger.claim("job-1", "task-1", "small@yard")

    depth = ledger.depths()[QUEUE]

    assert (depth.tasks, depth.images) == (2, 40)
    assert depth.oldest_s is not None
    assert 0 <= depth.oldest_s < 10


def test_a_long_queue_is_estimated(ledger: Ledger) -> None:
    submit_tasks(ledger, tasks=150, images=4)

    assert ledger.depths([QUEUE])[QUEUE].images == 600


def test_the_oldest_is_the_one_that_was_rung_first(ledger: Ledger, redis_client: redis.Redis) -> None:
    submit_tasks(ledger, tasks=2, images=1)
    redis_client.zincrby(keys.bells(QUEUE), -90_000, "task-1")

    oldest_s = ledger.depths([QUEUE])[QUEUE].oldest_s

    assert oldest_s == pytest.approx(90, abs=10)


def test_queues_on_which_nothing_waits(ledger: Ledger) -> None:
    submit_tasks(ledger, tasks=1, images=1)
    ledger.claim("job-1", "task-0", "small@yard")

    assert ledger.depths([QUEUE, BIGGER]) == dict.fromkeys((QUEUE, BIGGER), QueueDepth(0, 0, None))
