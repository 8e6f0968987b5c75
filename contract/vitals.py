"""Vitals: what a worker says of itself every few seconds, beside its advert. What it can do stands there.

Written whenever the advert is refreshed, in the same call, under a key with the same lifetime. A worker of an older
Vedette has an advert and no vitals, and one of a newer Vedette may say more: readers take both.
"""

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: Who ended the process of a slot. `guard`: it ended itself before the kernel would; `timeout`: at its deadline;
#: `kernel`: out of memory; `signal`: any other, such as kill -9 or a crash; `exit`: it left by itself; `unknown`.
Kill = Literal["guard", "timeout", "kernel", "signal", "exit", "unknown"]

#: `images_per_s` is about the last minute: a rate of two seconds says nothing where a batch takes five.
LATELY_S: Final = 60.0


class SlotVitals(BaseModel):
    """One slot, as its black box had it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    #: What its attempt is at: `load`, `decode`, `run`, `record`; `idle`: there is none.
    stage: str = "idle"
    #: The task of that attempt, its model `name@version` and the queue it came from; "" while it is idle.
    task: str = ""
    model: str = ""
    queue: str = ""
    #: Images that it holds now.
    images_held: int = 0
    #: Anonymous bytes, now and at most since the last batch began.
    memory_bytes: int = 0
    memory_peak_bytes: int = 0
    #: Its share: more, and the guard ends it.
    memory_limit_bytes: int = 0
    #: Models that are loaded, `name@version`, least recently used first.
    models: tuple[str, ...] = ()
    #: Images that it has done since it was opened.
    images: int = 0

    @property
    def busy(self) -> bool:
        return self.stage != "idle"


class Vitals(BaseModel):
    """A whole worker. What it does not say is 0, empty or False: it is older, or has not looked yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: Literal[1] = 1
    #: Celery's node name, as in its advert.
    node: str
    #: Seconds since it started. No time of day: clocks of machines differ.
    up_s: float = 0.0
    #: It takes no new work, and finishes what it is at.
    draining: bool = False
    slots: int = 0
    slots_busy: int = 0
    #: The mean of `slots_busy` over the last minute, the time that `images_per_s` is about; None: it does not say.
    slots_busy_lately: float | None = None
    #: Anonymous bytes of its main process and its slots, and what all slots may use together.
    memory_bytes: int = 0
    memory_limit_bytes: int = 0
    #: What its machine could give it now, and which limit says so, as in an advert's `memory_limited_by`.
    memory_free_bytes: int = 0
    memory_free_limited_by: str = ""
    #: One for each slot that lives now, by pid; fewer than `slots` while one is being replaced.
    each: tuple[SlotVitals, ...] = ()
    #: Slots that died at work since it started, by who ended them.
    kills: dict[str, int] = Field(default_factory=dict)
    #: Images done since it started, and per second in the last minute, by model `name@version`.
    images: dict[str, int] = Field(default_factory=dict)
    images_per_s: dict[str, float] = Field(default_factory=dict)

    @property
    def models(self) -> dict[str, int]:
        """How many of its slots have each model loaded."""
        held: dict[str, int] = {}
        for slot in self.each:
            for model in slot.models:
                held[model] = held.get(model, 0) + 1
        return held

    @property
    def kills_total(self) -> int:
        return sum(self.kills.values())


def read_vitals(text: str | None) -> Vitals | None:
    """None where there are none, and for those of a version that nobody here can read."""
    if text is None:
        return None
    try:
        return Vitals.model_validate_json(text)
    except ValidationError:
        return None


def fleet_images_per_s(vitals: Iterable[Vitals]) -> dict[str, float]:
    """Images per second in the last minute of all workers together, by model."""
    rates: dict[str, float] = {}
    for worker in vitals:
        for model, rate in worker.images_per_s.items():
            rates[model] = rates.get(model, 0.0) + rate
    return rates
