"""CSV read back, and cells that a spreadsheet would run."""

import csv
import io

import pytest

from contract.messages import Detection, Failure, ImageResult
from producer.exports import export
from tests.support.builders import found, found_these, not_processed


def rows(*results: ImageResult) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO("".join(export("csv", enumerate(results))), newline=""))]


def test_a_row_for_each_detection_and_one_where_there_is_none() -> None:
    read = rows(found("a.jpg", detections=2), found("b.jpg", detections=0), not_processed("c.jpg", "memory"))

    assert [(row["index"], row["image"], row["outcome"], row["label"], row["code"]) for row in read] == [
        ("0", "a.jpg", "detection", "scratch", ""),
        ("0", "a.jpg", "detection", "scratch", ""),
        ("1", "b.jpg", "nothing", "", ""),
        ("2", "c.jpg", "failure", "", "memory"),
    ]
    assert [read[0][edge] for edge in ("x_min", "y_min", "x_max", "y_max")] == ["10.0", "20.0", "110.5", "60.0"]


@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("http://evil","a")',
        "+1",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "'quoted'",
    ],
)
def test_what_a_spreadsheet_would_run_is_text(name: str) -> None:
    stain = Detection(label=name, class_id=1, score=0.9, box=(-1.0, 2, 3, 4))
    failed = not_processed("b.jpg", failure=Failure(code="crash", message=name))

    first, second = rows(found_these(stain, image=name, worker=name, model=name), failed)

    assert {first[column] for column in ("image", "label", "worker", "model")} == {f"'{name}"}
    assert second["message"] == f"'{name}"
    assert first["x_min"] == "-1.0", "numbers are ours and stay numbers"


@pytest.mark.parametrize("name", ["a,b.jpg", 'a"b.jpg', "a\r\nb.jpg", "a=b.jpg", " =a.jpg", "ü.jpg", "1e5"])
def test_other_names_come_back_as_they_were(name: str) -> None:
    (row,) = rows(found(name))

    assert row["image"] == name
