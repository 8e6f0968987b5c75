"""What the paths of TensorFlow Serving and of the Open Inference Protocol have in common: who asks which model, and the
images that came along.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Path, Request

from contract.errors import ModelUnknown
from contract.messages import ImageResult
from contract.registry import serves
from producer.gateway import threads
from producer.gateway.access import Caller
from producer.gateway.backend import Asked, Backend
from producer.gateway.detect import DeadlineS
from producer.gateway.errors import ImageFailed
from producer.gateway.inference import Wanted, inferred
from producer.gateway.large_bodies import let_go
from producer.gateway.schemas import NamedImage
from producer.polling import Deadline

#: Clients of other servers name no deadline.
DEADLINE_S: Final = 60.0
ModelName = Annotated[str, Path(max_length=64, examples=["defects-small"])]
Version = Annotated[str, Path(max_length=32, examples=["1"])]

Read = TypeVar("Read")


@dataclass
class Inference:
    """A request for detections; FastAPI fills it in."""

    http: Request
    model: ModelName
    asked: Asked
    caller: Caller
    version: Version | None = None
    deadline_s: DeadlineS = DEADLINE_S

    @property
    def reference(self) -> str:
        return reference(self.model, self.version)

    async def read(self, parse: Callable[[bytes], Read]) -> Read:
        """What `parse`, which may take its time, makes of the body."""
        return await threads.call(partial(parse, await self.http.body()), self.asked.parsing)

    async def results(self, images: list[bytes], model: str) -> list[ImageResult]:
        """Of images that came, which are then forgotten; the first that failed is an error. Everything that the model
        says: callers choose.
        """
        deadline = Deadline(self.deadline_s)
        self.asked.check_uploads()
        named = [
            NamedImage(name=str(place), uri=await threads.call(partial(self.asked.store_upload, image)))
            for place, image in enumerate(images)
        ]
        images.clear()
        let_go(self.http)
        results = await inferred(self.http, self.asked, self.caller, Wanted(named, model, min_score=0.0), deadline)
        for place, result in enumerate(results):
            if result.failure is not None:
                raise ImageFailed(result.failure, f"image {place}: ")
        return results


Asking = Annotated[Inference, Depends()]


def reference(model: str, version: str | None) -> str:
    return model if version is None else f"{model}@{version}"


def versions_of(asked: Backend, model: str, version: str | None = None) -> list[tuple[str, bool]]:
    """(version, whether a live worker can run it), the latest first; ModelUnknown when there is none."""
    specs = [spec for spec in asked.client.models() if spec.name == model and version in (None, spec.version)]
    if not specs:
        raise ModelUnknown(f"unknown model {reference(model, version)!r}")
    fleet = asked.client.fleet()
    return [(spec.version, any(serves(advert, spec.needs) for advert in fleet)) for spec in reversed(specs)]
