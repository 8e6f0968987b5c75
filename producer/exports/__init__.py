"""Results in the formats that other tools read: choose one by its name. Fields of each: docs/formats.md.

    with open("results.csv", "w", encoding="utf-8", newline="") as file:
        file.writelines(export("csv", job.results_indexed()))

Each format is a document that grows: what stands at its start, what each image adds, what stands at its end. What has
been written is forgotten, so a job of any size takes as little memory as one of a hundred images.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, TypeAlias, get_args

from contract.messages import ImageResult
from producer.errors import InvalidArgument
from producer.exports.coco import CocoImages, CocoResults
from producer.exports.csv_rows import CsvRows
from producer.exports.document import Document, Format
from producer.exports.jsonl import JsonLines
from producer.exports.megadetector import MegaDetector

FormatName: TypeAlias = Literal["jsonl", "coco", "coco-images", "megadetector", "csv"]

#: What stands for a name: the document, the usual name of its file, and its media type in HTTP.
FORMATS: Final[Mapping[str, Format]] = {
    "jsonl": Format(JsonLines, "results.jsonl", "application/x-ndjson"),
    "coco": Format(CocoResults, "results.coco.json", "application/json"),
    "coco-images": Format(CocoImages, "images.coco.json", "application/json"),
    "megadetector": Format(MegaDetector, "results.megadetector.json", "application/json"),
    "csv": Format(CsvRows, "results.csv", "text/csv"),
}
assert (*FORMATS,) == get_args(FormatName)

__all__ = ["FORMATS", "Document", "Format", "FormatName", "export", "format_named"]


def format_named(name: str) -> Format:
    """InvalidArgument lists the formats that there are."""
    if name not in FORMATS:
        raise InvalidArgument(f"format={name!r}: expected one of {', '.join(FORMATS)}")
    return FORMATS[name]


def export(name: FormatName, results: Iterable[tuple[int, ImageResult]]) -> Iterator[str]:
    """The document of the format `name`, in pieces, each as soon as its result is there.

    `results` are (index, result) pairs, as of `Job.results_indexed`.
    """
    return _pieces(format_named(name).document(), results)


def _pieces(document: Document, results: Iterable[tuple[int, ImageResult]]) -> Iterator[str]:
    yield document.start()
    for index, result in results:
        yield document.add(index, result)
    yield document.end()
