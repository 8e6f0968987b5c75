"""Measure what a model needs: the steps in order, each of which stands elsewhere.

next load of the plan → a fresh child runs it → … → fit → what the fit says of loads that it has not seen → engine plan
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from contract.batch_memory import peak_bytes
from contract.engine_plan import PLAIN, EnginePlan, computes_bf16, engine_class
from contract.model_spec import Memory, ModelSpec, ProfilePoint, Throughput
from workers.profile.best import plateau
from workers.profile.errors import ProfileFailed
from workers.profile.fit import Sample, fit
from workers.profile.outcome import Ran, Stopped
from workers.profile.plan import QUICK, Effort, Leg, Step, Taken, next_step, speeds
from workers.profile.protocol import Load
from workers.profile.provenance import measured, slot_here
from workers.profile.watch import run
from workers.profile.ways.search import Found, find_plan
from workers.profile.ways.search import Progress as PlanProgress
from workers.profile.ways.turns import streams_images

_DIGITS: Final = 2


@dataclass(frozen=True)
class Check:
    """What the fit said of a load before it had seen it, and what was measured."""

    load: Load
    predicted_bytes: int
    measured_bytes: int

    @property
    def error(self) -> float:
        """0.1: ten percent more was predicted than measured; -0.1: ten percent less."""
        return (self.predicted_bytes - self.measured_bytes) / self.measured_bytes


@dataclass(frozen=True)
class Profile:
    memory: Memory
    throughput: Throughput
    points: tuple[ProfilePoint, ...]
    #: The fewest within 5 % of the fastest, at the default batch.
    threads: int
    checks: tuple[Check, ...]
    #: Loads that did not fit, in memory or in time.
    stopped: tuple[Stopped, ...]
    #: The fastest way to run it here; None: none was looked for.
    engine: Found | None = None


Progress = Callable[[Step, Ran | Stopped | None], object]


def profile(
    directory: Path,
    spec: ModelSpec,
    *,
    threads: int,
    budget_bytes: int | None = None,
    effort: Effort = QUICK,
    on_progress: Progress | None = None,
    on_plan: PlanProgress | None = None,
    command: str = "",
) -> Profile:
    """Measures the model whose files are in `directory`, called as `spec` says; its memory and throughput are not read.

    `threads`: those of a slot. `budget_bytes`: no child takes more; None, or more than that: 80 % of what is free.
    `on_progress` is told each step twice, at its begin with None; `on_plan` each way to run the model.
    `command`: for the record, how to do it again.
    ModelBroken when the model cannot be loaded as its spec says; ProfileFailed when it ends its process, or when not
    even one image fits.
    """
    tell = on_progress or (lambda _step, _outcome: None)
    taken: list[Taken] = []
    while (step := next_step(spec.signature, spec.requirement.image_megapixels, threads, effort, taken)) is not None:
        tell(step, None)
        outcome = run(
            directory,
            spec,
            step.load,
            budget_bytes=budget_bytes,
            repeat_s=step.repeat_s(effort),
            beside=step.beside,
            timeout_s=effort.timeout_s,
        )
        tell(step, outcome)
        taken.append(Taken(step, outcome))
        if len(taken) == 1 and isinstance(outcome, Stopped):
            raise ProfileFailed(f"{spec.ref} cannot be profiled: {outcome}. Use a larger machine, or smaller images.")
    found = conclude(spec, threads, taken, measured(command or f"vedette models profile {spec.ref}"))
    if effort.ways is None:
        return found
    here = slot_here(threads)
    engine = find_plan(
        directory,
        spec,
        machine=engine_class(here),
        threads=threads,
        bf16=computes_bf16(here),
        batch=found.throughput.default_batch,
        thoroughness=effort.ways,
        budget_bytes=budget_bytes,
        on_progress=on_plan,
    )
    return replace(found, engine=engine)


def with_profile(spec: ModelSpec, found: Profile) -> ModelSpec:
    """The spec with what was found. ProfileFailed when the model needs more than the largest memory tier.

    An engine plan takes the place of the one for the same engine class; those for others stay. Its streams share out
    the images of a batch, so the default batch holds some for each of them.
    """
    plans, throughput = spec.engine, found.throughput
    if found.engine is not None:
        others = [plan for plan in plans if plan.machine != found.engine.machine]
        plans = (*others, *([] if found.engine.plan == PLAIN else [found.engine.plan]))
        batch = max(throughput.default_batch, streams_batch(found.engine.plan, throughput.images_per_s))
        throughput = throughput.model_copy(update={"default_batch": batch})
    fields = spec.model_dump(by_alias=True) | {
        "memory": found.memory.model_dump(),
        "throughput": throughput.model_dump(),
        "engine": [plan.model_dump() for plan in plans],
        "profile": [point.model_dump() for point in found.points],
    }
    try:
        return ModelSpec.model_validate(fields)
    except ValueError as error:
        raise ProfileFailed(f"{spec.ref}: {error}") from None


def streams_batch(plan: EnginePlan, measured: Mapping[str, float]) -> int:
    """The smallest measured batch that keeps the plan's streams busy; 1 when there is one stream.

    | streams | measured     | batch |
    |---------|--------------|-------|
    | 1       | 1, 4, 8      | 1     |
    | 2       | 1, 4, 8, 16  | 8     |
    | 2       | 1, 4, 24     | 24    |
    | 8       | 1, 4, 8      | 32    |
    """
    if plan.streams == 1:
        return 1
    wanted = streams_images(plan.streams, plan.call_images or 1)
    return min((batch for batch in map(int, measured) if batch >= wanted), default=wanted)


def conclude(spec: ModelSpec, threads: int, taken: Sequence[Taken], record: dict[str, str]) -> Profile:
    """What the steps taken say. Pure."""
    ran = [(one.step.leg, one.outcome) for one in taken if isinstance(one.outcome, Ran)]
    batch = spec.signature.batch
    warm_bytes = max(each.report.warm_bytes for _, each in ran)
    seen = [_sample(each) for leg, each in ran if leg in ("batch", "size")]
    first = fit(seen, warm_bytes, batch)
    checks = tuple(
        Check(each.load, peak_bytes(first, batch, each.load.batch, each.load.megapixels), each.peak_bytes)
        for leg, each in ran
        if leg == "check"
    )
    memory = fit([*seen, *(_sample(each) for leg, each in ran if leg == "check")], warm_bytes, batch)
    fit_error = max([memory.fit_error or 0.0, *(abs(check.error) for check in checks)])
    versions = ran[0][1].report.versions
    record = record | {"tensorflow": versions["tensorflow"]} if "tensorflow" in versions else record
    by_batch = speeds(taken)
    default_batch = plateau(by_batch) or 1
    by_threads = {each.load.threads: each.images_per_s for leg, each in ran if leg == "threads"}
    by_threads[threads] = by_batch[default_batch]
    return Profile(
        memory=memory.model_copy(update={"fit_error": round(fit_error, 4), "measured": record}),
        throughput=Throughput(
            default_batch=default_batch,
            images_per_s={str(size): round(speed, _DIGITS) for size, speed in sorted(by_batch.items())},
            measured=record,
        ),
        points=tuple(sorted((_point(leg, each, by_batch) for leg, each in ran if leg != "speed"), key=_order)),
        threads=plateau(by_threads) or threads,
        checks=checks,
        stopped=tuple(one.outcome for one in taken if isinstance(one.outcome, Stopped)),
    )


def _sample(ran: Ran) -> Sample:
    return Sample(ran.load.batch, ran.load.megapixels, ran.peak_bytes)


def _point(leg: Leg, ran: Ran, by_batch: Mapping[int, float]) -> ProfilePoint:
    speed = by_batch.get(ran.load.batch) if leg in ("batch", "check") else None
    return ProfilePoint(
        batch=ran.load.batch,
        threads=ran.load.threads,
        megapixels=round(ran.load.megapixels, 3),
        images_per_s=max(10**-_DIGITS, round(speed or ran.images_per_s, _DIGITS)),
        peak_bytes=ran.peak_bytes,
    )


def _order(point: ProfilePoint) -> tuple[float, int, int]:
    return point.megapixels, point.batch, point.threads
