"""What travels: the doorbell's body, image references, results.

Every message carries its version `v`. A reader refuses a version that it doesn't know with `message_version`, and
anything else that is wrong with `message_invalid`; both are acknowledged and counted, never retried. docs/protocol.md
lists the fields for readers in other languages.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from contract.errors import MessageError, MessageVersionError

VERSION: Final = 1
DETECT_TASK: Final = "vedette.detect"

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

#: Why one image has no detections. A code never changes its meaning.
FailureCode = Literal[
    "image_missing",  # nothing at that reference
    "image_forbidden",  # outside the allowed roots, hosts and buckets, or not readable by the worker
    "image_empty",  # zero bytes
    "image_not_an_image",  # the bytes are of no image format that we read
    "image_truncated",  # the file ends before its image does
    "image_unreadable",  # an image by its header, but it cannot be decoded
    "image_too_large",  # more bytes or pixels than the settings allow
    "unreachable",  # the host or bucket of its reference does not answer
    "model_failed",  # the model raised on this image, alone in its batch
    "memory",  # needs more memory than any worker has
    "cpu",  # the process died of an instruction that the CPU lacks
    "crash",  # the process died, and memory was not the reason
    "lost",  # worker after worker vanished with it
    "timeout",  # took longer than a task may
]


class Message(BaseModel):
    """Strict: `"8"` and `true` are no integers, or two readers would differ on what was asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DetectMessage(Message):
    """Body of the doorbell: keyword arguments of the Celery task `vedette.detect`, whose Celery id is `task`.

    It says where to look, not what to do: images and options are in the ledger. `batch_size` is there to be seen
    in Flower; the ledger's number counts.
    """

    v: Literal[1] = 1
    job: Identifier
    task: Identifier
    model: str
    batch_size: int = Field(ge=1)


class ImageRef(Message):
    """One image of a job. `uri` is a path that the workers can read too, or an address: see `contract.references`."""

    index: int = Field(ge=0)
    #: What the user called it; comes back in the result.
    name: str
    uri: str
    #: Most images that it may share a model call with, itself included; None: the task's batch size counts.
    batch_cap: Annotated[int, Field(ge=1)] | None = None
    #: Each side is divided by this when it is decoded: 1, 2, 4 or 8.
    shrink: Literal[1, 2, 4, 8] = 1
    #: How often the process died while this image was alone in its batch.
    lone_deaths: int = Field(default=0, ge=0)


def stored(image: ImageRef) -> str:
    """JSON of an image as it lies in Redis while it waits, without what is as it would be anyway: millions may."""
    return image.model_dump_json(exclude_defaults=True)


class JobOptions(Message):
    """What holds for every image of a job."""

    v: Literal[1] = 1
    model: str
    digest: str
    batch_size: int = Field(ge=1, le=4096)
    min_score: float = Field(ge=0, le=1)
    #: Whether an image that fits nowhere may be made coarser; its result then says so in `degraded`.
    allow_degraded: bool = False
    #: The job stops when more than this share of its images has failed; None: it never does.
    max_failure_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    #: Whether every image is decoded as it is, and the model computed as it was exported, where less would look alike.
    exact: bool = False

    @model_serializer(mode="wrap")
    def _exact_only_where_it_is_asked_for(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Workers that do not know the field leave a job with it to newer ones, and those without are most."""
        fields: dict[str, Any] = serialize(self)
        if not self.exact:
            del fields["exact"]
        return fields


class Detection(BaseModel):
    """One object. `box` is x_min, y_min, x_max, y_max in pixels of the upright image, origin at its top left.

    JSON has no NaN: a model's is refused here, where it can still become a failure of that image.
    """

    model_config = ConfigDict(frozen=True)

    label: str
    class_id: int
    score: FiniteFloat
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class Failure(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: FailureCode
    message: str


class ImageResult(BaseModel):
    """What became of one image: `detections` (an empty list: nothing found) or `failure` (not processed), never both.

    `batch_size` is the number of images in the model call that produced it; `attempts` counts the claims of its task,
    this one included; `degraded` is null unless the image was made smaller to fit.
    """

    model_config = ConfigDict(frozen=True)

    image: str
    width: int | None = None
    height: int | None = None
    model: str
    detections: list[Detection] | None = None
    failure: Failure | None = None
    worker: str | None = None
    batch_size: int | None = None
    attempts: int = Field(ge=0)
    degraded: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _never_both_or_neither(self) -> Self:
        if (self.detections is None) == (self.failure is None):
            raise ValueError("expected detections or a failure, one of the two")
        return self

    @property
    def ok(self) -> bool:
        return self.failure is None

    @property
    def dead(self) -> bool:
        """Failed for another reason than the image file: tried again under better circumstances, it may succeed."""
        return self.failure is not None and not self.failure.code.startswith("image_")

    @model_serializer(mode="wrap")
    def _either_or(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        absent = ("failure",) if self.ok else ("detections", "batch_size", "degraded")
        for name in absent:
            fields.pop(name, None)
        return fields


AnyMessage = TypeVar("AnyMessage", bound=Message)


def read_message(kind: type[AnyMessage], fields: Mapping[str, Any]) -> AnyMessage:
    """`fields` as a message of `kind`; MessageVersionError or MessageError says what is wrong with which field."""
    version = fields.get("v")
    if isinstance(version, int) and version != VERSION:
        raise MessageVersionError(
            f"{kind.__name__} of version {version}: this Vedette reads version {VERSION}; upgrade the older side"
        )
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        flaws = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'message'}: {item['msg']} (got {item['input']!r:.80})"
            for item in error.errors()
        )
        raise MessageError(f"{kind.__name__} is malformed: {flaws}") from None


def read_options(text: str) -> JobOptions:
    """The `options` of a job in the ledger; errors as of `read_message`."""
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise MessageError(f"JobOptions is malformed: no JSON ({error}; got {text!r:.80})") from None
    return read_message(JobOptions, fields)
