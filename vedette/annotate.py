"""Draws detections on a copy of their image. Needs OpenCV, which the base install does not have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from contract.messages import Detection, ImageResult
from vedette.colours import BLACK, class_colour
from vedette.errors import ExtraMissing
from vedette.output import writing

_KEPT_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
_JPEG_QUALITY: Final = 92
FOLDER: Final = "annotated"


def need_opencv() -> Any:
    """The cv2 module; ExtraMissing says what to install."""
    try:
        import cv2
    except ImportError as error:
        raise ExtraMissing(f"drawing boxes needs OpenCV ({error}): pip install 'vedette[worker]'") from None
    return cv2


def annotate(source: Path, result: ImageResult, target: Path) -> str | None:
    """Writes `source` with the boxes of `result` to `target`; else the reason why that image was passed over.

    The workers have read the image; that this machine can't is no failure of the job. OutputUnusable for a full disk.
    """
    cv2 = need_opencv()
    if not source.is_file():  # OpenCV would say so on stderr, once for each
        return f"{result.image}: is not here"
    try:
        image = cv2.imread(str(source), cv2.IMREAD_COLOR)  # 8 bits, three channels, upright by its EXIF orientation
    except cv2.error as error:
        return f"{result.image}: cannot be read here: {error.err}"
    if image is None:
        return f"{result.image}: cannot be read here"
    height, width = image.shape[:2]
    if (width, height) != (result.width, result.height):
        return f"{result.image}: is {width} × {height} here, but was {result.width} × {result.height} to the worker"
    draw(image, result.detections or ())
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        options = [] if target.suffix.lower() == ".png" else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        encoded, data = cv2.imencode(target.suffix, image, options)
        if not encoded:
            return f"{result.image}: cannot be encoded as {target.suffix}"
        target.write_bytes(data.tobytes())
    return None


def draw(image: Any, detections: Sequence[Detection]) -> None:
    """Draws on `image`, uint8 [height, width, 3] in BGR, in place; the surest detection last, so on top."""
    height, width = image.shape[:2]
    line = line_width_px(width, height)
    surest_last = sorted(detections, key=lambda detection: detection.score)
    for detection in surest_last:
        _draw_box(image, detection, line)
    for detection in surest_last:  # after all boxes, so that none runs through a label
        _draw_label(image, detection, line)


def line_width_px(width: int, height: int) -> int:
    """1 px for a thumbnail, 3 px for 1280 × 960, 10 px for a 4000 × 3000 photo."""
    return max(1, round(min(width, height) / 300))


def rim_px(line: int) -> int:
    """Of the black rim on either side of a line: a third of it."""
    return max(1, round(line / 3))


def target_paths(names: Sequence[str], folder: Path) -> list[Path]:
    """Where each image's drawing goes, as `Targets` has it."""
    targets = Targets(folder)
    return [targets.of(name) for name in names]


class Targets:
    """Where drawings go: below `folder`/annotated, by the image's name, each at a place of its own.

    JPEG and PNG keep their name, others get `.png` after it. What leads out of the folder is spelled `_`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._taken: set[str] = set()

    def of(self, name: str) -> Path:
        parts = ["_" if part == ".." else part for part in Path(name).parts if part not in ("/", ".")]
        inside = Path(*parts) if parts else Path("_")
        if inside.suffix.lower() not in _KEPT_SUFFIXES:
            inside = inside.with_name(f"{inside.name}.png")
        unique, copy = inside, 1
        while str(unique).casefold() in self._taken:  # A.jpg and a.jpg are the same to some file systems
            copy += 1
            unique = inside.with_name(f"{inside.stem}-{copy}{inside.suffix}")
        self._taken.add(str(unique).casefold())
        return self._folder / unique


def _draw_box(image: Any, detection: Detection, line: int) -> None:
    cv2 = need_opencv()
    colour = class_colour(detection.class_id)
    x_min, y_min, x_max, y_max = (round(edge) for edge in detection.box)
    for thickness, shade in ((line + 2 * rim_px(line), BLACK), (line, colour)):
        cv2.rectangle(image, (x_min, y_min), (x_max, y_max), shade, thickness, cv2.LINE_AA)


def _draw_label(image: Any, detection: Detection, line: int) -> None:
    """Black, above the box on a patch of its own, moved so that all of it is seen where the image has room for it."""
    cv2 = need_opencv()
    height, width = image.shape[:2]
    text, colour = f"{detection.label} {detection.score:.2f}", class_colour(detection.class_id)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.4, line * 0.25)
    stroke = max(1, round(scale * 1.6))
    (text_width, text_height), below_baseline = cv2.getTextSize(text, font, scale, stroke)
    margin = line + 1
    patch_width, patch_height = text_width + 2 * margin, text_height + below_baseline + 2 * margin
    left = max(0, min(round(detection.box[0]), width - patch_width))
    top = max(0, min(round(detection.box[1]) - patch_height, height - patch_height))
    corners = (left, top), (left + patch_width, top + patch_height)
    cv2.rectangle(image, *corners, colour, cv2.FILLED)
    cv2.rectangle(image, *corners, BLACK, rim_px(line))
    origin = (left + margin, top + margin + text_height)
    cv2.putText(image, text, origin, font, scale, BLACK, stroke, cv2.LINE_AA)
