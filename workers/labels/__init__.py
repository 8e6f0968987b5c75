"""Labels: class id to name, from the files in which the world keeps them.

    coco-90, coco-80      built in
    *.pbtxt               label map of the Object Detection API       (`workers.labels.pbtxt`)
    *.txt, *.names        a label on each line
    *.json                a list, or an object of id to label
    *.yaml, *.yml         `names:` or `label_map:`, a list or a mapping (Ultralytics, automl)

Files that number their labels are taken at their word; whether the model counts from 0 or 1 is the caller's to know.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from contract.errors import LabelsError
from workers.labels.coco import COCO_90_GAPS, coco_80, coco_90
from workers.labels.pbtxt import parse_pbtxt
from workers.labels.plain import parse_json, parse_lines, parse_yaml

__all__ = ["COCO_90_GAPS", "flaw_in_coverage", "read_labels"]

#: The largest label map known (Open Images, 601 classes) has 60 kB.
_FILE_BYTES_MAX: Final = 16 * 1024**2
#: As many ids as an error names.
_SHOWN_IDS: Final = 10


def read_labels(source: str | Path, first_id: int = 1) -> dict[int, str]:
    """Labels by class id from a file, or `coco-90` or `coco-80`.

    `first_id` numbers those that come without numbers: lines, lists and coco-80. LabelsError names file, line and
    what was expected.
    """
    match str(source):
        case "coco-90":
            return coco_90()
        case "coco-80":
            return coco_80(first_id)
    path = Path(source)
    text = _text(path)
    match path.suffix.lower():
        case ".pbtxt":
            labels = parse_pbtxt(text, str(path))
        case ".txt" | ".names":
            labels = parse_lines(text, str(path), first_id)
        case ".json":
            labels = parse_json(text, str(path), first_id)
        case ".yaml" | ".yml":
            labels = parse_yaml(text, str(path), first_id)
        case _:
            raise LabelsError(
                f"{path}: expected coco-90, coco-80, or a file named *.pbtxt, *.txt, *.names, *.json, *.yaml"
            )
    if not labels:
        raise LabelsError(f"{path}: has no labels")
    return labels


def flaw_in_coverage(labels: dict[int, str], classes: Collection[int], gaps: Collection[int] = ()) -> str | None:
    """What is wrong when `labels` do not cover the `classes` that a model can put out; None if they do.

    `gaps` are ids that may stay without a label, such as `COCO_90_GAPS`.
    """
    missing = sorted(set(classes) - labels.keys() - set(gaps))
    if not missing:
        return None
    shown = ", ".join(map(str, missing[:_SHOWN_IDS])) + (", …" if len(missing) > _SHOWN_IDS else "")
    return (
        f"the labels do not cover the classes: {len(missing)} of the model's {len(set(classes))} "
        f"({min(classes)} to {max(classes)}) have no label: {shown}; "
        f"the {len(labels)} labels have the ids {min(labels, default=0)} to {max(labels, default=0)}"
    )


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise LabelsError(f"{path}: has more than {_FILE_BYTES_MAX} bytes, which no file of labels has")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise LabelsError(f"{path}, line {line}: expected text in UTF-8") from None
