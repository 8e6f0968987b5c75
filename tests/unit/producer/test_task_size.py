"""How a job is cut into tasks."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from contract.messages import DetectMessage
from contract.settings import load_settings
from contract.submission import cut, plan_job, seconds_per_image, task_sizes
from producer.tasks import chunked, job_name, slots_serving, task_size
from tests.support.builders import advert, spec


@pytest.mark.parametrize(
    ("images", "batch_size", "slots", "size"),
    [
        (None, 8, 4, 32),  # a generator: as large as tasks go
        (200, 8, 0, 32),  # nobody lives yet
        (200, 8, 1, 32),
        (200, 8, 4, 32),
        (200, 8, 8, 16),
        (1_000_000, 8, 8, 32),
        (64, 8, 4, 8),  # two tasks for each slot
        (17, 8, 2, 8),  # whole batches
        (10, 8, 1, 8),
        (10, 8, 2, 5),  # less than a batch for each slot
        (10, 8, 8, 2),
        (3, 8, 8, 1),
        (1, 8, 8, 1),
        (0, 8, 8, 1),
        (1000, 12, 1, 24),  # 32 are no whole batches of 12
        (1000, 64, 1, 64),  # never less than a batch, when there are images
        (None, 64, 1, 64),
    ],
)
def test_task_size(images: int | None, batch_size: int, slots: int, size: int) -> None:
    assert task_size(images, batch_size, task_images=32, slots=slots) == size


@pytest.mark.parametrize(
    ("images", "batch_size", "slots", "image_s", "size"),
    [
        (1000, 8, 1, 0.1, 32),  # 3.2 s
        (1000, 8, 1, 0.25, 16),  # 20 images are two whole batches
        (None, 8, 1, 0.25, 16),
        (1000, 8, 1, 2.0, 8),  # never less than a batch
        (1000, 1, 1, 2.0, 2),
        (1000, 1, 1, 60.0, 1),
        (200, 8, 8, 0.1, 16),  # a small job is shared out, however fast
        (1000, 8, 1, 1e-6, 32),
        (1000, 8, 1, None, 32),
    ],
)
def test_a_task_of_a_slow_model_lasts_seconds(
    images: int | None, batch_size: int, slots: int, image_s: float | None, size: int
) -> None:
    assert task_size(images, batch_size, 32, slots, image_s) == size


def test_an_image_takes_what_was_measured_in_its_batch_or_else_the_best() -> None:
    measured = spec(throughput={"default_batch": 4, "images_per_s": {"1": 2.0, "4": 5.0}})

    assert [seconds_per_image(measured, size) for size in (1, 4, 16)] == [0.5, 0.2, 0.2]
    assert seconds_per_image(spec(throughput={"images_per_s": {"1": 0.0}}), 1) is None
    assert seconds_per_image(spec(), 8) is None


def test_a_job_of_a_slow_model_is_cut_finer() -> None:
    slow = spec(throughput={"default_batch": 4, "images_per_s": {"4": 0.5}})

    assert plan_job(slow, [advert()], load_settings(), images=1000, min_score=0.5).task_images == 4
    assert plan_job(spec(), [advert()], load_settings(), images=1000, min_score=0.5).task_images == 32


@pytest.mark.parametrize("slots", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("images", [1, 2, 9, 31, 100, 1000])
def test_a_small_job_reaches_every_slot(images: int, slots: int) -> None:
    size = task_size(images, 4, task_images=32, slots=slots)

    tasks = -(-images // size)
    # Shared out evenly, the last slots may come away empty: 9 images for 7 slots are 2 each for 5.
    assert tasks * 2 >= min(images, slots)
    assert size <= 32


@pytest.mark.parametrize(
    ("images", "largest", "batch_size", "slots", "sizes"),
    [
        (200, 32, 8, 1, [32, 32, 32, 32, 32, 32, 8]),  # nobody waits for one slot
        (200, 32, 8, 0, [32, 32, 32, 32, 32, 32, 8]),
        (200, 32, 8, 4, [32, 24, 24, 16, 16, 16, 16, *[8] * 7]),
        (130, 32, 8, 2, [32, 32, 24, 16, 8, 8, 8, 2]),  # never less than a batch, while there are images
        (64, 8, 8, 4, [8] * 8),
        (12, 4, 1, 2, [3, 3, 2, 1, 1, 1, 1]),
        (10, 5, 8, 2, [5, 5]),  # less than a batch for each slot: shared out evenly before
        (3, 1, 8, 8, [1, 1, 1]),
        (100, 64, 64, 2, [64, 36]),
        (0, 1, 8, 8, []),
    ],
)
def test_tasks_get_smaller_towards_the_end(
    images: int, largest: int, batch_size: int, slots: int, sizes: list[int]
) -> None:
    tasks = [*cut(range(images), task_sizes(images, largest, batch_size, slots))]

    assert [len(task) for task in tasks] == sizes
    assert [number for task in tasks for number in task] == [*range(images)]


def test_of_a_stream_nobody_knows_where_its_end_is() -> None:
    fleet = [advert(slots=4)]
    known = plan_job(spec(), fleet, load_settings(), images=200, min_score=0.5)
    unknown = plan_job(spec(), fleet, load_settings(), images=None, min_score=0.5)

    assert [len(task) for task in unknown.cut(range(70), None)] == [32, 32, 6]
    assert [len(task) for task in known.cut(range(200), 200)][-1] < known.task_images


def test_a_list_that_is_longer_than_it_said_is_queued_to_its_end() -> None:
    plan = plan_job(spec(), [advert(slots=4)], load_settings(), images=10, min_score=0.5)

    assert sum(map(len, plan.cut(range(30), 10))) == 30


def test_slots_serving_counts_only_who_can_run_it() -> None:
    fleet = [advert("a@yard", memory="2g", slots=3), advert("b@yard", memory="512m", slots=4)]

    assert slots_serving(spec(base="900m").needs, fleet) == 3
    assert slots_serving(spec().needs, fleet) == 7
    assert slots_serving(spec(base="20g").needs, fleet) == 0


def test_chunked_reads_no_further_than_it_must() -> None:
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    chunks = chunked(numbers(), 4)

    assert next(chunks) == [0, 1, 2, 3]
    assert len(read) == 4
    assert [*chunks] == [[4, 5, 6, 7], [8, 9]]


def test_job_name_is_an_identifier() -> None:
    name = job_name(datetime(2026, 11, 23, tzinfo=UTC), "a1b2c3d4")

    assert name == "job-20261123-a1b2c3d4"
    assert DetectMessage(job=name, task="t", model="m", batch_size=1).job == name
