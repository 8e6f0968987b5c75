"""What `vedette fleet --plan --json` tells. Fields are added, never renamed; docs/fleet.md describes them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from producer.fleet.rates import Source


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class RateTold(_Told):
    model: str
    images_per_s: float = Field(description="Of one slot")
    source: Source
    detail: str


class ModelPlan(_Told):
    ref: str
    images: int = Field(description="Without a result yet, waiting or under way")
    done_in_s: float | None = Field(description="With the workers that live; null: never")
    in_time: bool
    why_never: str | None


class ClassPlan(_Told):
    worker_class: str
    cpu_level: str = Field(description="`any`: of a machine that would have to be brought in, whatever its CPU")
    cpu_features: tuple[str, ...]
    memory_per_slot_bytes: int
    slots: int
    threads: int
    workers: int = Field(description="That live and take work; 0: none does")
    more: int | None = Field(
        description="Besides those, with which all that this class can do is done in time; null: no number is enough"
    )
    done_in_s: float | None = Field(description="Until that is done then")
    cannot: dict[str, str] = Field(description="Models that are late all the same, and why this class is no help")
    rates: tuple[RateTold, ...]


class Together(_Told):
    worker_class: str
    more: int


class Plan(_Told):
    v: Literal[1] = 1
    at: datetime = Field(description="By Redis' clock")
    deadline: datetime
    within_s: float
    model: str | None = Field(description="The one whose images are to be done in time; null: all are")
    images: int = Field(description="That are to be done in time")
    estimated: bool = Field(description="Images were reckoned from a sample of long queues")
    in_time: bool = Field(description="With the workers that live")
    done_in_s: float | None = Field(description="With the workers that live; null: never")
    models: tuple[ModelPlan, ...]
    classes: tuple[ClassPlan, ...]
    together: tuple[Together, ...] | None = Field(
        description="More workers with which all is done in time, of several classes if need be; null: there is no way"
    )
    together_done_in_s: float | None
