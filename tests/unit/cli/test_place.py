"""Where results go."""

from pathlib import Path

import pytest

from producer import InvalidArgument
from vedette.place import Place

DEFAULT = Path("vedette-out/job-1")


@pytest.mark.parametrize(
    ("out", "formats", "files", "folder"),
    [
        (None, ["jsonl"], ["vedette-out/job-1/results.jsonl"], "vedette-out/job-1"),
        ("here", ["csv"], ["here/results.csv"], "here"),
        ("here", ["coco", "coco-images"], ["here/results.coco.json", "here/images.coco.json"], "here"),
        ("here", ["csv", "csv"], ["here/results.csv"], "here"),
        ("found.csv", ["csv"], ["found.csv"], "."),
        ("a/found.JSON", ["megadetector"], ["a/found.JSON"], "a"),
        ("v1.2", ["jsonl"], ["v1.2/results.jsonl"], "v1.2"),
        ("-", ["coco"], ["None"], "None"),
    ],
)
def test_folder_file_or_stdout(out: str | None, formats: list[str], files: list[str], folder: str) -> None:
    place = Place.meant(out, formats, DEFAULT)

    assert [str(path) for _, path in place.files] == files
    assert str(place.folder) == folder


@pytest.mark.parametrize(
    ("out", "formats", "message"),
    [
        ("found.csv", ["jsonl"], r"--out found\.csv: the format jsonl is no \.csv; say which with --format"),
        ("found.json", ["csv", "coco"], r"--out found\.json: takes one format, not csv and coco; name a folder"),
        ("-", ["csv", "jsonl"], "--out stdout: takes one format"),
    ],
)
def test_what_cannot_be_meant(out: str, formats: list[str], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Place.meant(out, formats)
