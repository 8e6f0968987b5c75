"""What a coarsely decoded JPEG costs and loses: python -m benchmarks.coarse --plates 40

Plates that no model was trained on, enlarged to photographs of several sizes, go through `defects-small` decoded as
they are and at a half, a quarter and an eighth of each side; a star marks what `workers.sight` chooses. Compared are
the boxes (alike: IoU at least 0.95, score within 0.02), mAP@0.5, and the seconds of one core for decoding and for
the call of the model.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import cv2
import numpy as np

from contract.model_spec import read_spec
from training.average_precision import average_precision
from training.names import SMALL, VERSION
from training.plates import held_out
from training.served import Served
from vedette.plates import Plate, render_plate
from workers.batches import Divisor
from workers.images.decode import decode_rgb
from workers.profile.ways.alike import IOU_MIN, SCORE_OFF_MAX, iou
from workers.sight import divisor

#: Width and height of the photographs.
SIZES_PX = ((1280, 960), (1920, 1440), (4000, 3000), (4032, 3024), (8064, 6048))
SCORE_MIN = 0.5
QUALITY = 92

Answer = dict[str, np.ndarray]


@dataclass(frozen=True)
class Way:
    """One way to decode the photographs of one size."""

    answers: list[Answer]
    decode_s: float
    call_s: float

    def images_per_s(self) -> float:
        return 1 / (self.decode_s + self.call_s)


def run(model: Served, files: Sequence[bytes], coarse: Divisor) -> Way:
    answers, decode_s, call_s = [], [], []
    for file in files:
        began_s = time.process_time()
        pixels = decode_rgb(file, coarse)
        decoded_s = time.process_time()
        answers.append(model.detect(pixels[None]))
        decode_s.append(decoded_s - began_s)
        call_s.append(time.process_time() - decoded_s)
    return Way(answers, median(decode_s), median(call_s))


def alike(exact: Answer, other: Answer) -> tuple[int, int]:
    """How many of the boxes of `exact` have their match in `other`, and how many there are."""
    wanted = np.flatnonzero(exact["detection_scores"][0] >= SCORE_MIN)
    return sum(_has_match(exact, int(row), other) for row in wanted), len(wanted)


def _has_match(exact: Answer, row: int, other: Answer) -> bool:
    box, boxes = exact["detection_boxes"][0][row], other["detection_boxes"][0]
    near = np.abs(other["detection_scores"][0] - exact["detection_scores"][0][row]) <= SCORE_OFF_MAX
    same = other["detection_classes"][0] == exact["detection_classes"][0][row]
    return bool(np.any(near & same & (iou(box, boxes) >= IOU_MIN)))


def photographs(plates: Sequence[Plate], size_px: tuple[int, int]) -> list[bytes]:
    large = (cv2.resize(plate.image, size_px, interpolation=cv2.INTER_CUBIC) for plate in plates)
    return [cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes() for image in large]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plates", type=int, default=40)
    parser.add_argument("--store", type=Path, default=Path("workers/bundled"))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    plates = [render_plate(seed, 960, 720) for seed in held_out(0, options.plates)]
    signature = read_spec(options.store / SMALL / VERSION / "model.toml").signature
    model = Served(options.store, SMALL)
    model.detect(np.zeros((1, 720, 960, 3), np.uint8))
    print("  photograph divisor chosen  alike    mAP    decode      call  speed")
    for size_px in SIZES_PX:
        files = photographs(plates, size_px)
        exact = run(model, files, 1)
        chosen = divisor(signature, *size_px)
        for coarse in (1, 2, 4, 8):
            way = exact if coarse == 1 else run(model, files, coarse)
            pairs = [alike(one, other) for one, other in zip(exact.answers, way.answers, strict=True)]
            share = sum(same for same, _ in pairs) / max(1, sum(all_ for _, all_ in pairs))
            precision = mean(average_precision(plates, way.answers).values())
            print(
                f"{size_px[0]:>6}×{size_px[1]:<5} {coarse:>7} {'*' if coarse == chosen else '':>6} {share:>6.1%} "
                f"{precision:>6.3f} {way.decode_s * 1e3:>6.1f} ms {way.call_s * 1e3:>6.1f} ms "
                f"{way.images_per_s() / exact.images_per_s():>5.2f}×",
                flush=True,
            )


if __name__ == "__main__":
    main()
