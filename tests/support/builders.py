"""Values of the contract with everything filled in, so that a test names only what it is about."""

from collections.abc import Iterable
from typing import Any

from contract.capability import Capability
from contract.ledger import DeadLetter
from contract.memory import parse_bytes
from contract.messages import Detection, Failure, FailureCode, ImageRef, ImageResult, JobOptions
from contract.model_io import Outputs, Signature
from contract.model_spec import ModelSpec
from contract.registry import Advert

MODEL = "defects-small@1"
DIGEST = "sha256:" + "0" * 64


def spec_fields(
    name: str = "defects-small",
    version: str = "1",
    *,
    base: str = "300m",
    per_image: str = "20m",
    per_megapixel_bytes: int = 0,
    cpu: str = "any",
    features: Iterable[str] = (),
    megapixels: float = 1.0,
    **fields: Any,
) -> dict[str, Any]:
    """What a good model.toml holds, as TOML gives it: 300 MiB + 20 MiB an image is the tier 512m."""
    return {
        "schema": 1,
        "name": name,
        "version": version,
        "digest": DIGEST,
        "labels": {"1": "scratch", "2": "dent"},
        "requirement": {"cpu": cpu, "features": sorted(features), "image_megapixels": megapixels},
        "memory": {
            "base_bytes": parse_bytes(base),
            "per_image_bytes": parse_bytes(per_image),
            "per_megapixel_bytes": per_megapixel_bytes,
        },
        **fields,
    }


def spec(name: str = "defects-small", version: str = "1", **fields: Any) -> ModelSpec:
    return ModelSpec.model_validate(spec_fields(name, version, **fields))


def spec_with(signature: Signature, outputs: Outputs, **fields: Any) -> ModelSpec:
    """Of a model that is fed and read so."""
    told = {"signature": signature.model_dump(), "outputs": outputs.model_dump()}
    return ModelSpec.model_validate({**spec_fields(name="tried"), **told, **fields})


def capability(memory: str = "2g", cpu_level: str = "x86_64_v3", **fields: Any) -> Capability:
    """One slot of two threads on an AVX2 machine; `memory` is per slot."""
    return Capability.model_validate(
        {
            "cpu_level": cpu_level,
            "cpu_features": frozenset(),
            "memory_per_slot_bytes": parse_bytes(memory),
            "slots": 1,
            "threads": 2,
            **fields,
        }
    )


def advert(node: str = "small@yard", *, queues: Iterable[str] = (), **capability_fields: Any) -> Advert:
    return Advert(node=node, capability=capability(**capability_fields), queues=tuple(queues))


def image_refs(count: int, start: int = 0) -> list[ImageRef]:
    return [
        ImageRef(index=index, name=f"{index:05}.jpg", uri=f"/images/{index:05}.jpg")
        for index in range(start, start + count)
    ]


def options(model: str = MODEL, **fields: Any) -> JobOptions:
    return JobOptions.model_validate({"model": model, "digest": DIGEST, "batch_size": 8, "min_score": 0.3, **fields})


def found(image: str = "00000.jpg", *, detections: int = 1, **fields: Any) -> ImageResult:
    """The result of an image in which `detections` scratches were found."""
    scratch = Detection(label="scratch", class_id=1, score=0.93, box=(10.0, 20.0, 110.5, 60.0))
    return ImageResult(
        **{
            "image": image,
            "width": 1280,
            "height": 960,
            "model": MODEL,
            "detections": [scratch] * detections,
            "worker": "small@yard",
            "batch_size": 8,
            "attempts": 1,
            **fields,
        }
    )


def found_these(*detections: Detection, image: str = "00000.jpg", **fields: Any) -> ImageResult:
    return found(image, **fields).model_copy(update={"detections": [*detections]})


def not_processed(image: str = "00000.jpg", code: FailureCode = "image_missing", **fields: Any) -> ImageResult:
    failure = Failure(code=code, message="nothing at /images/" + image)
    return ImageResult(**{"image": image, "model": MODEL, "failure": failure, "attempts": 1, **fields})


def dead_letter(index: int = 0, name: str | None = None, code: FailureCode = "memory", **fields: Any) -> DeadLetter:
    """Of the image `00000.jpg`, or `name`, in the task `task-1`."""
    image = image_refs(1, start=index)[0]
    if name is not None:
        image = image.model_copy(update={"name": name})
    result = not_processed(image.name, code, **fields)
    return DeadLetter(index=index, task="task-1", image=image, result=result)
