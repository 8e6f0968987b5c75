"""Small machines, models that lie about their appetite, and the kernel: only the offender shrinks, nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.memory import GIB, MIB
from tests.support.cgroups import memory_cgroup
from tests.support.yard import Yard, yard_in

pytestmark = [pytest.mark.lab, pytest.mark.integration]

IMAGES = 64


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with yard_in(tmp_path, attempts_max=20) as yard:
        yield yard


def kills(yard: Yard, job) -> list[str]:
    """Verdict and what followed of each attempt that failed."""
    return [
        f"{attempt.verdict}: {attempt.outcome}"
        for task in yard.ledger.tasks(job.name)
        for attempt in yard.ledger.history(task)
        if attempt.verdict is not None
    ]


def test_sixteen_and_eight_do_not_fit_and_four_do(yard):
    # Given a machine of 1280 MiB and a model that takes 120 MiB an image, of which its spec says nothing
    greedy = yard.model("greedy", holds_mib=120)
    images = yard.plain_images(IMAGES)
    with memory_cgroup(1280 * MIB) as machine, yard.worker("small", prefix=machine.prefix) as worker:
        # When a job asks for batches of 16
        job = yard.submit(greedy, images, batch_size=16, task_images=IMAGES)
        results = job.finished(timeout_s=180)

        # Then every image has its result, after two deaths: at 16 and at 8
        assert len(results) == IMAGES
        assert all(result.ok for result in results.values()), worker.log
        assert {result.batch_size for result in results.values()} == {4}
        assert kills(yard, job) == ["memory: batch 16 → 8", "memory: batch 8 → 4"], worker.log

        # And the next job on this class of worker starts where this one ended
        after = yard.submit(greedy, yard.plain_images(IMAGES), batch_size=16, task_images=IMAGES)
        assert all(result.ok for result in after.finished(timeout_s=180).values())
        assert kills(yard, after) == []
        assert worker.process.poll() is None


def test_an_image_that_fits_nowhere_is_a_dead_letter_with_both_numbers(yard):
    model = yard.model("tiny")
    huge = yard.images / "huge.png"
    _write_huge(huge, side_px=20_000)
    with yard.worker("small", "--memory", "1g", "--slots", "1"):
        job = yard.submit(model, [*yard.plain_images(20), huge], batch_size=8)
        results = job.finished(timeout_s=60)

    failure = results[20].failure
    assert [index for index, result in results.items() if not result.ok] == [20]
    assert failure is not None
    assert failure.code == "memory"
    assert "needs 4." in failure.message
    assert "MiB available" in failure.message


def test_an_image_too_large_for_the_small_machine_is_done_by_the_big_one(yard):
    yard.model("tiny")
    model = yard.model("tiny")
    yard.model("needs-8g", base_bytes=5 * GIB)
    huge = yard.images / "huge.png"
    _write_huge(huge, side_px=20_000)
    with (
        yard.worker("small", "--memory", "1g", "--slots", "1"),
        yard.worker("big", "--memory", "9g", "--slots", "1"),
    ):
        job = yard.submit(model, [*yard.plain_images(20), huge], batch_size=8)
        results = job.finished(timeout_s=120)

    assert all(result.ok for result in results.values()), kills(yard, job)
    assert results[20].worker is not None
    assert results[20].worker.startswith("big@")


def _write_huge(path: Path, side_px: int) -> None:
    """A picture of 400 megapixels that takes kilobytes on disk: black, run-length coded."""
    import PIL.Image

    PIL.Image.new("L", (side_px, side_px)).save(path, compress_level=9)
