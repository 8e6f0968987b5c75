"""vedette.fleet.columns and amounts: what there is room for, and how short it is spelled."""

import pytest

from vedette.fleet.amounts import age, counted, of_bytes, speed
from vedette.fleet.columns import Column, fitting

NAME, AGE, NOTE, MODELS = Column("name", 0), Column("age", 2), Column("note", 3, shortest=6), Column("models", 1)
COLUMNS = (NAME, AGE, NOTE, MODELS)
ROW = {"name": "small@yard", "age": "3 min", "note": "draining", "models": "ssd@1"}


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, ["name", "age", "note", "models"]),
        (33, ["name", "age", "note", "models"]),  # 10 + 5 + 6 + 6, and three gaps; the note is folded
        (32, ["name", "age", "models"]),
        (25, ["name", "age", "models"]),
        (24, ["name", "models"]),
        (17, ["name"]),
        (3, ["name"]),
    ],
)
def test_what_there_is_no_room_for_goes_by_rank(width: int, shown: list[str]) -> None:
    assert [column.title for column in fitting(COLUMNS, [ROW], width)] == shown


def test_what_is_empty_in_every_row_is_no_column() -> None:
    rows = [{**ROW, "note": ""}, {"name": "old@yard"}]

    assert fitting(COLUMNS, rows, 200) == [NAME, AGE, MODELS]
    assert fitting(COLUMNS, [], 200) == [NAME]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(0, "0.0"), (0.254, "0.25"), (1, "1.0"), (61.34, "61.3"), (1234.5, "1,234.5")]
)
def test_speeds(rate: float, text: str) -> None:
    assert speed(rate) == text


@pytest.mark.parametrize(
    ("used", "limit", "text"),
    [
        (None, 3584 * 2**20, "3.5 GiB"),
        (1288490188, 3584 * 2**20, "1.2 of 3.5 GiB"),
        (512 * 2**20, 832 * 2**20, "512 MiB of 832 MiB"),
    ],
)
def test_memory(used: int | None, limit: int, text: str) -> None:
    assert of_bytes(used, limit) == text


def test_counts() -> None:
    assert [counted(n, "worker") for n in (0, 1, 1200)] == ["0 workers", "1 worker", "1,200 workers"]
