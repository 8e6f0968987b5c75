"""Boxes on images."""

import sys
from pathlib import Path
from typing import Any

import pytest

from contract.messages import Detection
from tests.support.builders import found
from vedette.annotate import (
    annotate,
    draw,
    line_width_px,
    need_opencv,
    rim_px,
    target_paths,
)
from vedette.errors import ExtraMissing, OutputUnusable


def detection(box: tuple[float, float, float, float], class_id: int = 1) -> Detection:
    return Detection(label="scratch", class_id=class_id, score=0.93, box=box)


# Where drawings go


def test_targets_keep_the_folders_and_never_meet(tmp_path: Path) -> None:
    names = ["photos/a.jpg", "photos/a.tif", "photos/a.png", "photos/A.jpg", "photos/a.tif.png", "b"]

    targets = target_paths(names, tmp_path)

    assert [str(path.relative_to(tmp_path / "annotated")) for path in targets] == [
        "photos/a.jpg",
        "photos/a.tif.png",
        "photos/a.png",
        "photos/A-2.jpg",
        "photos/a.tif-2.png",
        "b.png",
    ]


def test_targets_stay_in_their_folder(tmp_path: Path) -> None:
    targets = target_paths(["/archive/a.jpg", "../a.jpg", "../../etc/a.jpg", "archive/a.jpg"], tmp_path)

    assert [str(path.relative_to(tmp_path / "annotated")) for path in targets] == [
        "archive/a.jpg",
        "_/a.jpg",
        "_/_/etc/a.jpg",
        "archive/a-2.jpg",
    ]


# Sizes; colours are in test_colours.py


def test_line_and_rim_follow_the_image() -> None:
    lines = [line_width_px(*size) for size in ((64, 64), (1280, 960), (4000, 3000))]

    assert lines == [1, 3, 10]
    assert [rim_px(line) for line in lines] == [1, 1, 3]


# Drawing


def test_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    with pytest.raises(ExtraMissing, match=r"pip install 'vedette\[worker\]'"):
        need_opencv()


@pytest.fixture
def cv2() -> Any:
    return pytest.importorskip("cv2")


@pytest.fixture
def numpy() -> Any:
    return pytest.importorskip("numpy")


@pytest.fixture(params=[0, 128, 255], ids=["black", "grey", "white"])
def plain(request: pytest.FixtureRequest, numpy: Any) -> Any:
    return numpy.full((200, 320, 3), request.param, numpy.uint8)


@pytest.mark.usefixtures("cv2")
def test_box_and_label_are_seen_on_any_background(plain: Any) -> None:
    background = plain[0, 0].astype(int)

    draw(plain, [detection((100, 100, 200, 150))])

    edge = plain[100:151, 98:103].astype(int)
    assert abs(edge - background).max(axis=-1).max() > 100, "the edge of the box differs from what is below it"
    assert (plain[125, 150] == background).all(), "the object itself is left as it is"
    patch = plain[80:99, 100:180].reshape(-1, 3).astype(int)
    assert abs(patch[:, None] - patch[None, ::37]).max() > 100, "text and patch differ"


@pytest.mark.usefixtures("cv2")
@pytest.mark.parametrize("box", [(0, 0, 319, 199), (-20, -20, 5, 5), (310, 190, 400, 300), (5, 5, 5, 5)])
def test_a_box_at_the_border_or_beyond(plain: Any, box: tuple[float, float, float, float]) -> None:
    before = plain.copy()

    draw(plain, [detection(box)])

    assert (plain != before).any()


def test_annotate_writes_a_copy(tmp_path: Path, cv2: Any, numpy: Any) -> None:
    source, target = tmp_path / "a.tif", tmp_path / "out" / "deep" / "a.tif.png"
    cv2.imwrite(str(source), numpy.zeros((200, 320, 3), numpy.uint8))
    before = source.read_bytes()

    assert annotate(source, found("a.tif", width=320, height=200), target) is None

    drawn = cv2.imread(str(target))
    assert drawn.shape == (200, 320, 3)
    assert drawn.any()
    assert source.read_bytes() == before


def test_annotate_draws_on_the_upright_image(tmp_path: Path, cv2: Any, numpy: Any) -> None:
    image_module = pytest.importorskip("PIL.Image")
    source, target = tmp_path / "a.jpg", tmp_path / "drawn.jpg"
    exif = image_module.Exif()
    exif[0x0112] = 6  # turn by 90°
    image_module.fromarray(numpy.zeros((200, 320, 3), numpy.uint8)).save(source, exif=exif)

    assert annotate(source, found("a.jpg", width=200, height=320), target) is None
    assert cv2.imread(str(target)).shape == (320, 200, 3)


def test_what_cannot_be_drawn_is_said(tmp_path: Path, cv2: Any, numpy: Any) -> None:
    source, target = tmp_path / "a.png", tmp_path / "drawn.png"
    assert annotate(source, found("a.png"), target) == "a.png: is not here"

    source.write_bytes(b"no image")
    assert annotate(source, found("a.png"), target) == "a.png: cannot be read here"

    cv2.imwrite(str(source), numpy.zeros((200, 320, 3), numpy.uint8))
    assert annotate(source, found("a.png"), target) == "a.png: is 320 × 200 here, but was 1280 × 960 to the worker"
    assert not target.exists()

    with pytest.raises(OutputUnusable, match="cannot write"):
        annotate(source, found("a.png", width=320, height=200), source / "below" / "a.png")
