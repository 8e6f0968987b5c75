"""Tasks that are submitted together: few round trips, the ledger before the bells, each task once, none held back."""

import json
from collections.abc import Iterator

import pytest
import redis
from redis.client import Pipeline

from contract import keys
from contract.errors import JobClosed
from contract.ledger import Ledger, NewTask
from contract.settings import Settings
from producer import Client
from producer import submitting as module
from tests.support.builders import image_refs, options
from tests.support.redis_cost import redis_cost

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"
JOB = "job-1"


def tasks(count: int) -> list[NewTask]:
    """Of two images each."""
    return [NewTask(f"task-{n}", QUEUE, 8, tuple(image_refs(2, start=2 * n))) for n in range(count)]


def rung(redis_client: redis.Redis) -> list[str]:
    return [json.loads(text)["headers"]["id"] for text in reversed(redis_client.lrange(QUEUE, 0, -1))]


def test_a_list_of_a_thousand_images_takes_as_many_round_trips_as_one(
    client: Client, ledger: Ledger, redis_client: redis.Redis
) -> None:
    client.submit(["/archive/a.jpg"], "defects-small")  # connects

    with redis_cost(redis_client) as of_one:
        client.submit(["/archive/a.jpg"], "defects-small")
    redis_client.delete(QUEUE)
    with redis_cost(redis_client) as of_many:
        job = client.submit([f"/archive/{n}.jpg" for n in range(1000)], "defects-small")

    assert of_many.round_trips <= of_one.round_trips + 2
    assert len(ledger.tasks(job.id)) == 32
    assert rung(redis_client) == ledger.tasks(job.id)


def test_no_bell_rings_before_its_task_is_in_the_ledger(
    client: Client, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = []

    def ring_all(_app: object, bells: list[tuple[module.DetectMessage, int]], _queue: str) -> None:
        there.extend(redis_client.exists(keys.task(message.task)) for message, _ in bells)

    monkeypatch.setattr(module, "ring_all", ring_all)

    client.submit([f"/archive/{n}.jpg" for n in range(2000)], "defects-small")

    assert there == [1] * 63


def test_what_a_generator_has_given_does_not_wait_for_what_it_has_not(
    client: Client, redis_client: redis.Redis, settings: Settings
) -> None:
    waiting = []

    def images() -> Iterator[str]:
        for number in range(3 * settings.task_images):
            if number % settings.task_images == 0:
                waiting.append(redis_client.llen(QUEUE))
            yield f"/archive/{number}.jpg"

    client.submit(images(), "defects-small")

    assert waiting == [0, 1, 2]


def test_tasks_that_are_added_twice_count_once(ledger: Ledger) -> None:
    ledger.create_job(JOB, options(), QUEUE)
    ledger.add_tasks(JOB, tasks(2))

    ledger.add_tasks(JOB, tasks(3))

    assert ledger.tasks(JOB) == ["task-0", "task-1", "task-2"]
    assert ledger.status(JOB).total == 6


def test_a_job_that_is_closed_takes_none(ledger: Ledger) -> None:
    ledger.create_job(JOB, options(), QUEUE)
    ledger.cancel_job(JOB)

    with pytest.raises(JobClosed, match="takes no more images"):
        ledger.add_tasks(JOB, tasks(2))

    assert ledger.tasks(JOB) == []


def test_a_redis_that_forgets_the_scripts_meanwhile_is_told_them_again(
    ledger: Ledger, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a Redis that is restarted between being asked for its scripts and being told to run one
    ledger.create_job(JOB, options(), QUEUE)
    load, restarts = Pipeline.load_scripts, [1]

    def load_and_restart(pipe: Pipeline) -> None:
        load(pipe)
        if restarts:
            restarts.pop()
            redis_client.script_flush()

    monkeypatch.setattr(Pipeline, "load_scripts", load_and_restart)

    ledger.add_tasks(JOB, tasks(3))

    assert not restarts
    assert ledger.status(JOB).total == 6


def test_an_image_takes_no_room_for_what_is_as_it_would_be_anyway(ledger: Ledger, redis_client: redis.Redis) -> None:
    ledger.create_job(JOB, options(), QUEUE)
    image, suspect = image_refs(2)
    suspect = suspect.model_copy(update={"batch_cap": 1, "lone_deaths": 2})

    ledger.add_tasks(JOB, [NewTask("task-0", QUEUE, 8, (image, suspect))])

    stored = redis_client.hgetall(keys.task_images("task-0"))
    assert json.loads(stored["0"]) == {"index": 0, "name": image.name, "uri": image.uri}
    assert json.loads(stored["1"]).keys() == {"index", "name", "uri", "batch_cap", "lone_deaths"}
    assert ledger.images_left("task-0") == [image, suspect]
