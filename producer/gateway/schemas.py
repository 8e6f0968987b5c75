"""What goes in and out, as OpenAPI tells it. Results are `contract.messages.ImageResult`, as everywhere."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from contract.ledger import JobState, JobStatus, WebhookStatus
from contract.model_spec import ModelSpec
from contract.queues import queue_name
from contract.registry import Advert
from producer.arguments import BATCH_SIZE_MAX
from producer.tasks import slots_serving

_COMPONENT: Final = "#/components/schemas/{model}"


class Input(BaseModel):
    """Strict: `"8"` is no number, and a misspelled field no field that was left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NamedImage(Input):
    """An image, and what it is called in the results."""

    name: str = Field(min_length=1, examples=["gate-7"])
    uri: str = Field(min_length=1, examples=["/images/plate-01.png"])


class Webhook(Input):
    """Who is told when the job has ended. Its host must be among VEDETTE_WEBHOOK_HOSTS."""

    url: str = Field(min_length=1, examples=["https://hooks.example.org/vedette"])


class JobSettings(Input):
    """What is to be done with the images of a job."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "defects-small", "min_score": 0.3}]})

    model: str = Field(min_length=1, max_length=128, description="`name`, for its latest version, or `name@version`")
    batch_size: int | None = Field(
        None, ge=1, le=BATCH_SIZE_MAX, description="Most images in one call of the model; null: the model's own"
    )
    min_score: float = Field(0.5, ge=0, le=1, description="Detections below it are not reported")
    allow_waiting: bool = Field(False, description="Queue the job although no live worker can run it")
    allow_degraded: bool = Field(False, description="An image that fits into no worker's memory may be made coarser")
    max_failure_rate: float | None = Field(
        None, ge=0, le=1, description="The job is stopped when more than this share of its images has failed"
    )
    webhook: Webhook | None = Field(None, description="Who is told when the job has ended")
    exact: bool = Field(
        False, description="Nothing is approximated: images are decoded as they are, and computed in float32"
    )

    @property
    def options(self) -> dict[str, Any]:
        """As `Client.submit` takes them."""
        given = {name: getattr(self, name) for name in JobSettings.model_fields}
        return {**given, "webhook": None if self.webhook is None else self.webhook.url}


class JobRequest(JobSettings):
    """A job: images, and what is to be done with them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"images": ["/images/plate-01.png", "/images/plate-02.png"], "model": "defects-small"},
                {
                    "images": [{"name": "gate-7", "uri": "/images/plate-01.png"}],
                    "model": "defects-small@1",
                    "batch_size": 4,
                    "min_score": 0.3,
                },
            ]
        }
    )

    images: list[str | NamedImage] = Field(
        min_length=1, description="Absolute paths of files that the workers can read, or references that they may fetch"
    )


class JobView(BaseModel):
    """Where a job stands. `succeeded + failed` images of `total` have their result."""

    id: str = Field(examples=["job-20261124-5d0a9c1f"])
    state: JobState
    sealed: bool = Field(description="False while images are still being added")
    model: str = Field(examples=["defects-small@1"])
    queue: str = Field(examples=["detect.any.512m"])
    total: int
    succeeded: int
    failed: int
    created: datetime
    finished: datetime | None
    webhook: WebhookStatus | None = Field(description="Whether the job's webhook was told; null: it has none")

    @classmethod
    def of(cls, status: JobStatus) -> Self:
        return cls(id=status.job, **status.model_dump(exclude={"job"}))


class CancelView(BaseModel):
    id: str
    before: JobState = Field(description="`open`: it is cancelled now; the others are unchanged")


class ModelView(BaseModel):
    """A model that workers have, or had lately."""

    ref: str = Field(examples=["defects-small@1"])
    name: str
    version: str
    digest: str
    description: str
    license: str
    labels: dict[str, str] = Field(description="Class id to label")
    queue: str = Field(description="What it needs of a machine, spelled as the queue of its jobs")
    memory_bytes: int = Field(description="That one slot must have")
    default_batch: int
    images_per_s: dict[str, float] = Field(description="By batch, as measured by one slot")
    slots: int = Field(description="Of live workers that can run it; 0: nobody can, now")

    @classmethod
    def of(cls, spec: ModelSpec, fleet: list[Advert]) -> Self:
        return cls(
            **spec.model_dump(include={"ref", "name", "version", "digest", "description", "license", "labels"}),
            ref=spec.ref,
            queue=queue_name(spec.needs),
            memory_bytes=spec.needs.memory_bytes,
            default_batch=spec.throughput.default_batch,
            images_per_s=spec.throughput.images_per_s,
            slots=slots_serving(spec.needs, fleet),
        )


class ModelList(BaseModel):
    models: list[ModelView]


class Health(BaseModel):
    status: Annotated[str, Field(examples=["ok"])]


def request_schemas() -> dict[str, Any]:
    """Of what comes in bodies that routes read by themselves: FastAPI knows nothing of it. For OpenAPI's components."""
    _, told = models_json_schema([(JobRequest, "validation"), (JobSettings, "validation")], ref_template=_COMPONENT)
    schemas: dict[str, Any] = told["$defs"]
    return schemas


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """Of a body; what it refers to is among the components."""
    schema = kind.model_json_schema(ref_template=_COMPONENT)
    schema.pop("$defs", None)
    return schema


def ref_to(kind: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _COMPONENT.format(model=kind.__name__)}


def json_body(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """For OpenAPI, of a route that reads its body by itself."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}
