from datetime import timedelta

import pytest

from contract import keys
from contract.capability import worker_class
from contract.memory import MIB
from workers.memory.learned import FORGET, STREAK, Learned, after_failure, after_success, limit

NOW = 1_000_000_000
LATER = NOW + FORGET // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("before", "images", "limit_after", "failed_after"),
    [
        (Learned(), 16, 8, 16),
        (Learned(limit=8, failed=16), 8, 4, 8),
        (Learned(limit=4, failed=8), 16, 4, 8),
        (Learned(limit=5, failed=8), 5, 2, 5),
        (Learned(limit=2, failed=4), 2, 1, 2),
        (Learned(), 3, 1, 3),
        (Learned(), 1, 0, 0),
        (Learned(limit=4, failed=8), 1, 4, 8),
    ],
)
def test_a_failure_halves(before: Learned, images: int, limit_after: int, failed_after: int) -> None:
    after = after_failure(before if not before.failed else at(before, NOW), images, NOW)
    assert (after.limit, after.failed) == (limit_after, failed_after)


def at(learned: Learned, failed_ms: int) -> Learned:
    return Learned(**{**vars(learned), "failed_ms": failed_ms})


def test_nothing_learned_is_no_limit() -> None:
    assert limit(Learned()) is None
    assert limit(Learned(limit=4)) == 4


def test_what_fitted_stays_below_what_failed() -> None:
    after = after_failure(Learned(fitted=16, peak_bytes=5, streak=9), 16, NOW)

    assert (after.fitted, after.streak, after.failed_ms, after.updated_ms) == (15, 0, NOW, NOW)
    assert after.peak_bytes == 5


def test_an_old_failure_does_not_bind_a_new_one() -> None:
    assert after_failure(Learned(limit=4, failed=6, failed_ms=NOW), 12, LATER).failed == 12


def grown(learned: Learned, rounds: int, now_ms: int) -> list[int]:
    """The limit after each round of 32 full batches."""
    limits = []
    for _ in range(rounds):
        for _ in range(STREAK):
            learned = after_success(learned, learned.limit, 0, now_ms)
        limits.append(learned.limit)
    return limits


@pytest.mark.parametrize(
    ("before", "within", "after_forgetting"),
    [
        (Learned(limit=8, failed=16, failed_ms=NOW), [10, 12, 15, 15], [10, 12, 15, 18, 22, 27]),
        (Learned(limit=4, failed=8, failed_ms=NOW), [5, 6, 7, 7], [5, 6, 7, 8, 10, 12]),
        (Learned(limit=1, failed=2, failed_ms=NOW), [1, 1], [2, 3, 4, 5, 6]),
    ],
)
def test_growth_as_the_docstring_works_it_out(before: Learned, within: list[int], after_forgetting: list[int]) -> None:
    assert grown(before, len(within), NOW) == within
    assert grown(before, len(after_forgetting), LATER) == after_forgetting


def test_only_full_batches_count() -> None:
    learned = Learned(limit=8, failed=16, failed_ms=NOW, fitted=8)
    for _ in range(3 * STREAK):
        learned = after_success(learned, 7, 0, NOW)

    assert (learned.limit, learned.streak) == (8, 0)


def test_one_batch_short_of_the_streak() -> None:
    learned = Learned(limit=8, failed=16, failed_ms=NOW)
    for _ in range(STREAK - 1):
        learned = after_success(learned, 8, 0, NOW)
    assert (learned.limit, learned.streak) == (8, STREAK - 1)

    assert after_failure(learned, 8, NOW).streak == 0


def test_a_success_that_is_no_news_changes_nothing() -> None:
    learned = Learned(fitted=8, peak_bytes=100, updated_ms=NOW)

    assert after_success(learned, 8, 100, LATER) is learned
    assert after_success(learned, 9, 90, LATER) == Learned(fitted=9, peak_bytes=100, updated_ms=LATER)
    assert after_success(learned, 2, 101, LATER) == Learned(fitted=8, peak_bytes=101, updated_ms=LATER)


@pytest.mark.parametrize(
    ("memory_bytes", "name"),
    [(1792 * MIB, "1792m"), (1919 * MIB, "1792m"), (1920 * MIB, "1920m"), (128 * MIB - 1, "0m")],
)
def test_workers_of_one_class(memory_bytes: int, name: str) -> None:
    assert worker_class(memory_bytes) == name


def test_the_key() -> None:
    assert keys.learned("sha256:" + "ab" * 32, "1792m") == f"vedette:learned:{'ab' * 32}:1792m"
