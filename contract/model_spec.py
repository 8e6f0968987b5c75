"""What is known of a model: the content of `model.toml`, which stands beside `saved_model.pb` in the model store.

Every number in it was measured; `measured` says where, when and by which command. docs/models.md explains the fields.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from contract.capability import ANY_CPU, CpuFeature, CpuLevel, Requirement
from contract.engine_plan import EnginePlan
from contract.errors import ModelBroken
from contract.memory import tier_for
from contract.model_io import DEFAULT_OUTPUTS, Outputs, Part, Signature

FILE_NAME: Final = "model.toml"
#: A prediction is a fit; admit with this much on top of it.
MEMORY_MARGIN: Final = 1.15


def _tier_exists(memory_bytes: int) -> int:
    tier_for(memory_bytes)
    return memory_bytes


class Needs(Part):
    """The part of the requirement that is not memory, and the image size that the memory tier is meant for."""

    cpu: CpuLevel = ANY_CPU
    features: frozenset[CpuFeature] = frozenset()
    #: Size of image that the tier must hold one of. Larger ones are admitted wherever they fit.
    image_megapixels: float = Field(default=1.0, gt=0)


class Memory(Part):
    """Anonymous bytes of one slot's process."""

    base_bytes: Annotated[int, Field(gt=0), AfterValidator(_tier_exists)]
    per_image_bytes: int = Field(ge=0)
    #: On top of `per_image_bytes`, for each megapixel. A model that resizes inside has it too: what it is fed grows.
    per_megapixel_bytes: int = Field(default=0, ge=0)
    #: Largest distance of a measured peak from its prediction, as a share of the peak; None: not known.
    fit_error: Annotated[float, Field(ge=0)] | None = None
    measured: dict[str, str] = Field(default_factory=dict)

    def predict(self, images: int, megapixels: float) -> int:
        """Bytes that a call with `images` images of `megapixels` each is expected to take at most, model included."""
        return self.base_bytes + round(images * (self.per_image_bytes + megapixels * self.per_megapixel_bytes))


class Throughput(Part):
    default_batch: int = Field(default=8, ge=1)
    images_per_s: dict[str, float] = Field(default_factory=dict)
    measured: dict[str, str] = Field(default_factory=dict)


class ProfilePoint(Part):
    """One measured combination: a fresh process that ran `batch` images of `megapixels` each with so many threads."""

    batch: int = Field(ge=1)
    threads: int = Field(ge=1)
    megapixels: float = Field(gt=0)
    images_per_s: float = Field(gt=0)
    #: Largest anonymous memory of the process.
    peak_bytes: int = Field(gt=0)


class ModelSpec(Part):
    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")
    #: `sha256:…` over every file of the version directory but `model.toml`; see `workers.store`.
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    description: str = ""
    license: str = ""
    source: str = ""
    #: Class id of the model's output (as text: TOML and JSON keys are) to label.
    labels: dict[str, str]
    #: Name of the exporter's form that was recognised, for people; empty when somebody wrote the next two by hand.
    form: str = ""
    signature: Signature = Signature()
    outputs: Outputs = DEFAULT_OUTPUTS
    requirement: Needs = Needs()
    memory: Memory
    throughput: Throughput = Throughput()
    #: At most one for each engine class: `contract.engine_plan`.
    engine: tuple[EnginePlan, ...] = ()
    #: What memory and throughput were fitted to, and more.
    profile: tuple[ProfilePoint, ...] = ()
    accuracy: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_image_fits_a_tier(self) -> Self:
        tier_for(self._bytes_for_one())
        return self

    @model_validator(mode="after")
    def _outputs_without_a_batch_axis_are_of_one_image(self) -> Self:
        if self.outputs.kind == "boxes" and not self.outputs.batched and self.signature.batch != "one":
            raise ValueError('outputs.batched = false needs signature.batch = "one"')
        return self

    @property
    def ref(self) -> str:
        """`name@version`, how messages and results name it."""
        return f"{self.name}@{self.version}"

    @property
    def needs(self) -> Requirement:
        """What a machine must offer to run this model on one image: its spelling is the model's queue."""
        return Requirement(
            cpu_level=self.requirement.cpu,
            cpu_features=self.requirement.features,
            memory_bytes=tier_for(self._bytes_for_one()),
        )

    @property
    def one_image_bytes(self) -> int:
        """Expected of a slot that runs one image of the size that the model is meant for; a signature of a fixed number
        is filled up to it."""
        fed = self.signature.batch if isinstance(self.signature.batch, int) else 1
        return self.memory.predict(fed, self.requirement.image_megapixels)

    def _bytes_for_one(self) -> int:
        return round(self.one_image_bytes * MEMORY_MARGIN)


def read_spec(path: Path) -> ModelSpec:
    """The spec in `path`; ModelBroken names the file, the field and what was expected."""
    try:
        return parse_spec(path.read_bytes(), str(path))
    except OSError as error:
        raise ModelBroken(f"{path}: cannot be read: {error.strerror}") from None


def parse_spec(content: bytes, shown: str) -> ModelSpec:
    """The same of the content of a model.toml that is elsewhere, named `shown`."""
    try:
        return ModelSpec.model_validate(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelBroken(f"{shown}: not valid TOML: {error}") from None
    except ValidationError as error:
        flaws = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors())
        raise ModelBroken(f"{shown}: {flaws}") from None
