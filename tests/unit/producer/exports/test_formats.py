"""Every format against a file that a person has looked at, and what holds for all of them."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from contract.messages import ImageResult
from producer import InvalidArgument
from producer.exports import FORMATS, FormatName, export, format_named
from tests.support.builders import found, not_processed

GOLDEN = Path(__file__).parent / "golden"
NAMES: tuple[FormatName, ...] = get_args(FormatName)


def given() -> list[ImageResult]:
    """Five images: two with detections, one without, one of a bad file, one that found no memory."""
    lines = (GOLDEN / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [ImageResult.model_validate_json(line) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_golden_files(name: FormatName) -> None:
    expected = (GOLDEN / FORMATS[name].file_name).read_bytes().decode()

    assert "".join(export(name, enumerate(given()))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_each_image_is_out_before_the_next_is_asked_for(name: FormatName) -> None:
    asked_for = 0

    def results() -> Iterator[tuple[int, ImageResult]]:
        nonlocal asked_for
        for pair in enumerate([found("a.jpg"), found("b.jpg")]):
            asked_for += 1
            yield pair

    pieces = export(name, results())
    next(pieces)
    assert asked_for == 0
    assert next(pieces)
    assert asked_for == 1


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow_with_the_job(name: FormatName) -> None:
    def results(count: int) -> Iterator[tuple[int, ImageResult]]:
        return ((index, found(f"/archive/{index}.jpg", detections=3)) for index in range(count))

    for _ in export(name, results(100)):  # what is made once
        pass
    tracemalloc.start()
    try:
        written = sum(len(piece) for piece in export(name, results(3_000)))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert written > 150_000
    assert peak_bytes < 150_000, "less than the document itself"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("coco", "mega"))])
@pytest.mark.parametrize("results", [[], [not_processed()], [found(detections=0)]], ids=["none", "failed", "nothing"])
def test_json_without_a_detection_is_json(name: FormatName, results: list[ImageResult]) -> None:
    document = json.loads("".join(export(name, enumerate(results))))

    assert document if isinstance(document, dict) else document == []


def test_an_unknown_format_lists_the_known() -> None:
    with pytest.raises(InvalidArgument, match=r"format='xml': expected one of jsonl, coco, coco-images, megadetector"):
        format_named("xml")
