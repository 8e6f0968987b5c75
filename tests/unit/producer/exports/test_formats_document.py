"""docs/formats.md against the code."""

import json
import re
from pathlib import Path

import pytest

from contract.messages import ImageResult
from producer.exports import FORMATS
from producer.exports.csv_rows import COLUMNS
from producer.exports.megadetector import FORMAT_VERSION
from tests.support.builders import found

TEXT = (Path(__file__).parents[4] / "docs" / "formats.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[list[str]]:
    """The names in backticks in the first column of each row below `heading`."""
    part = TEXT.split(heading, 1)[1].split("\n## ", 1)[0]
    cells = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| `")]
    return [re.findall(r"`([^`]+)`", cell) for cell in cells]


def test_every_format_has_its_row_and_says_what_nothing_and_a_failure_are() -> None:
    names = [name for (name,) in first_cells("# Formats of results")]

    assert names == [*FORMATS, *FORMATS]
    for name, a_format in FORMATS.items():
        assert f"| `{name}` | `{a_format.file_name}` |" in TEXT


def test_every_column_of_the_csv_has_its_row_in_its_order() -> None:
    assert [column for columns in first_cells("## CSV") for column in columns] == [*COLUMNS]


class PlayedJob:
    """Of two images, read in the order of completion."""

    def results(self) -> list[ImageResult]:
        return [found("b.jpg"), found("a.jpg", detections=0)]

    def results_indexed(self) -> list[tuple[int, ImageResult]]:
        return [*zip((1, 0), self.results(), strict=True)]


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = {"images": [{"id": 139, "file_name": "a.jpg"}, {"id": 285, "file_name": "b.jpg"}]}

    for example in re.findall(r"^```python\n(.+?)^```", TEXT, re.MULTILINE | re.DOTALL):
        exec(example, {"job": PlayedJob(), "dataset": dataset})

    assert [item["image_id"] for item in json.loads(Path("results.json").read_text())] == [285]
    assert [line.split(",")[:3] for line in Path("results.csv").read_text().splitlines()[1:]] == [
        ["1", "b.jpg", "detection"],
        ["0", "a.jpg", "nothing"],
    ]


def test_the_version_of_megadetectors_format_is_named() -> None:
    assert f"version {FORMAT_VERSION}." in TEXT.split("## MegaDetector")[1]
