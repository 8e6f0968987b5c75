"""COCO's own reader on what is written."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from producer.exports import export
from tests.unit.producer.exports.test_formats import given


@pytest.fixture
def coco() -> Any:
    return pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")


@contextlib.contextmanager
def quiet() -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def test_pycocotools_joins_results_to_images_and_categories(tmp_path: Path, coco: Any) -> None:
    images, results = tmp_path / "images.json", tmp_path / "results.json"
    images.write_text("".join(export("coco-images", enumerate(given()))), encoding="utf-8")
    results.write_text("".join(export("coco", enumerate(given()))), encoding="utf-8")

    with quiet():
        read = coco.COCO(str(images)).loadRes(str(results))

    assert [image["file_name"] for image in read.loadImgs(read.getImgIds())] == [
        "plates/a.jpg",
        'plates/ü, "b".jpg',
        "d.jpg",
    ]
    names = {category["id"]: category["name"] for category in read.loadCats(read.getCatIds())}
    found = [(item["image_id"], names[item["category_id"]], item["area"]) for item in read.loadAnns(read.getAnnIds())]
    assert found == [(0, "scratch", 128.5 * 16.6), (0, "dent", 1280 * 960), (3, "stain", 29.66 * 5.55)]


def test_found_nothing_and_not_processed_differ_in_the_images_alone() -> None:
    images = json.loads("".join(export("coco-images", enumerate(given()))))["images"]
    results = json.loads("".join(export("coco", enumerate(given()))))

    assert {image["id"] for image in images} - {item["image_id"] for item in results} == {1}
    assert {*range(5)} - {image["id"] for image in images} == {2, 4}
