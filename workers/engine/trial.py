"""A model's first run, on drawn pictures: what its signature leaves open is settled, or the model is refused.

Loads the model: call it in a child process, for TensorFlow may end it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from contract.errors import SignatureUnknown
from contract.model_io import Outputs, Signature
from contract.model_spec import ModelSpec
from workers.engine.feed import Images
from workers.engine.geometry import Geometry
from workers.engine.plausible import evident, implausible
from workers.engine.readers import RawDetections, reader_for
from workers.engine.readers.base import Fetched
from workers.engine.saved_model import SavedModel
from workers.engine.toml_text import table
from workers.verdict import describe_error, verdict_of

Reading = Callable[[Outputs], list[RawDetections]]
_SIZE_PX = (384, 512)
_PICTURES = 3
#: By how much an image's best score may differ with the images that share its call.
_SAME_SCORE = 0.05


@dataclass(frozen=True)
class TrialReport:
    #: As given, but for `batch`, which is `one` where the model turned out to take no more.
    signature: Signature
    #: The first meaning that the run bore out.
    outputs: Outputs
    #: Rows that the model gave for the pictures.
    rows: int
    best_score: float
    #: Classes among them, ascending: a 0 tells that classes are numbered from 0.
    class_ids: tuple[int, ...]
    notes: tuple[str, ...]


def trial(directory: Path, spec: ModelSpec, alternatives: Sequence[Outputs] = ()) -> TrialReport:
    """Runs three pictures and reads the outputs as `spec` says, else as one of `alternatives` (of the same tensors).

    SignatureUnknown when the model cannot be run as its signature says, or no reading is plausible; ModelBroken as
    from loading it. Memory errors pass through.
    """
    model = SavedModel(directory, spec)
    pictures = drawn()
    signature, notes = spec.signature, list[str]()
    # One at a time, which every model must be able to take, if only filled up to its batch.
    calls = [call for picture in pictures for call in model.feed.calls(picture[None])]
    fetched = [(_run(model, part), count) for part, count in calls]

    def read(outputs: Outputs) -> list[RawDetections]:
        reader = reader_for(outputs)
        return [raw for (tensors, geometry), count in fetched for raw in reader.read(tensors, geometry)[:count]]

    outputs, found = _first_plausible([spec.outputs, *alternatives], read, spec)
    if not evident(found):
        notes.append("nothing was found on the drawn pictures, so order and unit of boxes are not confirmed")
    if signature.batch == "dynamic":
        flaw = _flaw_of_batches(model, pictures, outputs, found)
        if flaw:
            signature = signature.model_copy(update={"batch": "one"})
            notes.append(f"images are given to it one at a time: {flaw}")
    scores = np.concatenate([raw.scores for raw in found])
    class_ids = np.unique(np.concatenate([raw.class_ids for raw in found]))
    best = float(scores.max()) if len(scores) else 0.0
    return TrialReport(signature, outputs, len(scores), best, tuple(class_ids.tolist()), tuple(notes))


def drawn() -> Images:
    """uint8 RGB [3, 384, 512, 3]: shapes on a noisy ground."""
    draw = np.random.default_rng(7)
    pictures = draw.integers(70, 110, (_PICTURES, *_SIZE_PX, 3), dtype=np.uint8)
    cv2.rectangle(pictures[0], (120, 80), (330, 260), (250, 250, 250), -1)
    cv2.circle(pictures[1], (300, 200), 90, (250, 240, 230), -1)
    cv2.ellipse(pictures[2], (200, 220), (150, 60), 30, 0, 360, (240, 250, 250), -1)
    cv2.rectangle(pictures[2], (400, 40), (480, 160), (200, 30, 40), -1)
    return pictures


def _run(model: SavedModel, part: Images) -> tuple[Fetched, Geometry]:
    try:
        return model.fetch(part)
    except Exception as error:
        if verdict_of(error) == "memory":
            raise
        spec = model.spec
        raise SignatureUnknown(
            f"{spec.ref}: a trial run failed: {describe_error(error)}. If it takes images of one size only, set "
            f"size_px; called as\n{_indented(table('signature', spec.signature))}"
        ) from error


def _first_plausible(
    meanings: Sequence[Outputs], read: Reading, spec: ModelSpec
) -> tuple[Outputs, list[RawDetections]]:
    against: list[str] = []
    for outputs in meanings:
        try:
            found = read(outputs)
            flaw = implausible(found) or _flaw_of_unit(outputs, found, read)
        except ValueError as error:
            flaw = str(error)
        else:
            if flaw is None:
                return outputs, found
        against.append(f"{flaw}; read as\n{_indented(table('outputs', outputs))}")
    raise SignatureUnknown(f"{spec.ref}: a trial run speaks against what is said of its outputs: " + "\n".join(against))


def _flaw_of_unit(outputs: Outputs, found: list[RawDetections], read: Reading) -> str | None:
    """Pixels that would do as fractions are fractions: as pixels, every box would be a speck in the corner."""
    if getattr(outputs, "units", "fraction") != "pixel" or not evident(found):
        return None
    plain = {"units": "fraction"} | ({"image_info": ""} if hasattr(outputs, "image_info") else {})
    if implausible(read(outputs.model_copy(update=plain))) is None:
        return "its boxes are smaller than a pixel: the unit is another"
    return None


def _flaw_of_batches(
    model: SavedModel, pictures: Images, outputs: Outputs, alone: Sequence[RawDetections]
) -> str | None:
    """Why images must not share a call; None when they may."""
    try:
        together = reader_for(outputs).read(*model.fetch(pictures))
    except Exception as error:
        if verdict_of(error) == "memory":
            raise
        return describe_error(error)
    if len(together) != len(alone):
        return f"{len(pictures)} images got {len(together)} answers"
    for one, shared in zip(alone, together, strict=True):
        if abs(one.scores.max(initial=0) - shared.scores.max(initial=0)) > _SAME_SCORE:
            return "an answer depends on the images that share its call"
    return None


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
