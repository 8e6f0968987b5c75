"""The steps that make a model of a source, each of which stands elsewhere.

fetch → inspect and trial run → labels → profile → register
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from contract.engine_plan import EnginePlan
from contract.errors import LabelsError, ModelExists, ModelSourceError
from contract.memory import format_bytes
from contract.model_spec import Memory, ModelSpec
from contract.plan_words import plan_words
from workers.adding.labelled import checked, shifted
from workers.adding.look import look
from workers.adding.protocol import Look, Request
from workers.isolation.watch import free_now_bytes
from workers.labels import read_labels
from workers.profile import QUICK, Effort, Profile, profile, with_profile
from workers.profile.outcome import Ran, Stopped
from workers.profile.plan import Step as Load
from workers.profile.watch import budget_for
from workers.profile.ways.order import Timed
from workers.sources import Staged, fetch_source
from workers.store import ModelStore

StepName = Literal["fetch", "inspect", "labels", "profile", "register"]

_NO_DIGEST: Final = "sha256:" + "0" * 64
_NO_MEMORY: Final = Memory(base_bytes=1, per_image_bytes=0)


@dataclass(frozen=True)
class Told:
    """Something to be shown: of a step that has begun (`text` is empty), goes on, or is done."""

    step: StepName
    text: str = ""
    #: Done and total bytes of a download; total None where nobody knows.
    bytes: tuple[int, int | None] | None = None
    done: bool = False


Tell = Callable[[Told], None]


@dataclass(frozen=True)
class Wanted:
    source: str
    name: str
    #: None: the next whole number.
    version: str | None = None
    #: File, `coco-90` or `coco-80`; None: what the source or the zoo says.
    labels: str | None = None
    #: Which of several SavedModels in the source.
    inside: str | None = None
    #: Tables `signature` and `outputs` by hand, and `first_class`.
    override: Mapping[str, Any] = field(default_factory=dict)
    #: Size of image that a slot must have room for.
    megapixels: float = 1.0
    description: str = ""
    license: str = ""
    #: A copy of the zoo.
    zoo_base: str | None = None


@dataclass(frozen=True)
class Added:
    spec: ModelSpec
    look: Look
    profile: Profile


def add_model(
    store: ModelStore,
    wanted: Wanted,
    *,
    downloads: Path | None = None,
    threads: int,
    budget_bytes: int | None = None,
    effort: Effort = QUICK,
    tell: Tell,
    command: str,
) -> Added:
    """Fetches, understands, tries, measures and registers a model; a VedetteError says what is wrong with it.

    `threads`: those of a slot here. `budget_bytes`: no process that tries the model takes more; None: 80 % of what is
    free. `downloads` keeps what broke off. `command`: how to measure it again.
    """
    version = _version(store, wanted)
    draft = _draft(wanted, version)
    with tempfile.TemporaryDirectory(prefix="vedette-add-") as work:
        tell(Told("fetch"))
        staged = fetch_source(
            wanted.source,
            Path(work) / "model",
            inside=wanted.inside,
            downloads=downloads,
            zoo_base=wanted.zoo_base,
            progress=lambda done, total: tell(Told("fetch", bytes=(done, total))),
        )
        tell(Told("fetch", f"{staged.source}, {format_bytes(_bytes_of(staged.directory))}", done=True))

        tell(Told("inspect"))
        allowed_bytes = budget_for(free_now_bytes(), budget_bytes)
        seen = look(
            Request(
                directory=staged.directory,
                name=draft.name,
                version=draft.version,
                override=dict(wanted.override),
                threads=threads,
                budget_bytes=allowed_bytes,
            )
        )
        tell(Told("inspect", described(seen), done=True))

        tell(Told("labels"))
        labels = _labels(wanted, staged, seen)
        tell(Told("labels", _shown(labels), done=True))

        spec = draft.model_copy(
            update={
                "form": seen.form,
                "signature": seen.signature,
                "outputs": seen.outputs,
                "labels": {str(number): label for number, label in sorted(labels.items())},
                "source": staged.source,
                "license": wanted.license or staged.license,
            }
        )
        tell(Told("profile"))
        found = profile(
            staged.directory,
            spec,
            threads=threads,
            budget_bytes=budget_bytes,
            effort=effort,
            on_progress=lambda load, outcome: tell_load(tell, load, outcome),
            on_plan=lambda way, timed: tell_way(tell, way, timed),
            command=command,
        )
        spec = with_profile(spec, found)
        tell(Told("profile", measured_text(spec), done=True))

        tell(Told("register"))
        spec = store.register(staged.directory, spec)
        tell(Told("register", f"{spec.ref} in {store.root}", done=True))
    return Added(spec, seen, found)


def _version(store: ModelStore, wanted: Wanted) -> str:
    """Refused before anything is fetched, if it can be."""
    store.check_writable()
    there = {spec.version for spec in store.specs() if spec.name == wanted.name}
    if wanted.version is None:
        return str(max((int(version) for version in there if version.isdigit()), default=0) + 1)
    if wanted.version in there:
        raise ModelExists(f"{wanted.name}@{wanted.version} is in the model store already; add it under another version")
    return wanted.version


def _draft(wanted: Wanted, version: str) -> ModelSpec:
    try:
        return ModelSpec.model_validate(
            {
                "schema": 1,
                "name": wanted.name,
                "version": version,
                "digest": _NO_DIGEST,
                "description": wanted.description,
                "labels": {},
                "requirement": {"image_megapixels": wanted.megapixels},
                "memory": _NO_MEMORY.model_dump(),
            }
        )
    except ValidationError as error:
        flaws = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ModelSourceError(
            f"{flaws}. A name is made of a-z, 0-9, _ and -, such as ssd-mobilenet; a version of letters, digits, . _ -"
        ) from None


def _labels(wanted: Wanted, staged: Staged, seen: Look) -> dict[int, str]:
    source = wanted.labels or ("" if seen.labels else staged.labels)
    if source:
        labels = shifted(read_labels(source, seen.first_class), seen.first_class)
    elif seen.labels:
        labels = {int(number): label for number, label in seen.labels.items()}
    else:
        raise LabelsError(
            "nothing says what the model's classes are called; name a file with --labels (pbtxt, txt, json, yaml), or "
            f"coco-90 or coco-80. The model numbers its first class {seen.first_class}"
        )
    checked(labels, seen.first_class, seen.class_count, seen.class_ids)
    return labels


def described(seen: Look) -> str:
    """`Object Detection API (TensorFlow 2): uint8, any size, one image a call; 300 rows on 3 pictures`."""
    signature = seen.signature
    size = "any size" if signature.size_px is None else f"{signature.size_px[1]} × {signature.size_px[0]} px"
    batch = {"dynamic": "any number of images a call", "one": "one image a call"}.get(
        str(signature.batch), f"{signature.batch} images a call"
    )
    form = seen.form or "described by hand"
    return f"{form}: {signature.input_dtype}, {size}, {batch}; {seen.rows} rows on 3 pictures"


def measured_text(spec: ModelSpec) -> str:
    memory = spec.memory
    parts = [f"{format_bytes(memory.base_bytes)} loaded", f"{format_bytes(memory.per_image_bytes)} an image"]
    if memory.per_megapixel_bytes:
        parts.append(f"{format_bytes(memory.per_megapixel_bytes)} a megapixel")
    best = spec.throughput.default_batch
    return f"{', '.join(parts)}; {spec.throughput.images_per_s.get(str(best), 0):.3g} images/s in batches of {best}"


def tell_load(tell: Tell, load: Load, outcome: Ran | Stopped | None) -> None:
    if outcome is None:
        return
    if isinstance(outcome, Ran):
        text = f"{load.load}: {outcome.images_per_s:.3g} images/s, {format_bytes(outcome.peak_bytes)}"
    else:
        text = f"{load.load}: {outcome}"
    tell(Told("profile", text))


def tell_way(tell: Tell, way: EnginePlan, timed: Timed) -> None:
    against = f", and is not taken: {timed.against}" if timed.against else ""
    tell(Told("profile", f"{plan_words(way)}: {timed.images_per_s:.3g} images/s{against}"))


def _shown(labels: Mapping[int, str]) -> str:
    names = [labels[number] for number in sorted(labels)]
    return f"{len(names)}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"


def _bytes_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
