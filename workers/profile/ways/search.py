"""Find the engine plan of a model on this machine: the rounds in order, each of which stands elsewhere.

ways of the next round → a fresh child times them by turns → … → the plan → what it holds while it is made ready
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from contract.engine_plan import PLAIN, EnginePlan
from contract.model_spec import ModelSpec
from workers.isolation import run_isolated
from workers.isolation.watch import free_now_bytes
from workers.profile.plan import frame, reference_megapixels
from workers.profile.watch import budget_for
from workers.profile.ways.order import Choice, Round, Timed, choose, next_round
from workers.profile.ways.protocol import Answer, Report, Request
from workers.profile.ways.thoroughness import Thoroughness

_DIGITS: Final = 2
#: A look at memory takes no longer than it must.
_BRIEFLY_S: Final = 0.01


@dataclass(frozen=True)
class Found:
    #: Engine class of the machine that it was found for.
    machine: str
    #: For `model.toml`, machine and all; PLAIN when nothing is better than the model as it was exported.
    plan: EnginePlan
    #: 0 where ways could not be timed.
    images_per_s: float
    exported_images_per_s: float


#: Told each way when it was timed.
Progress = Callable[[EnginePlan, Timed], object]
#: Times ways by turns: None when they did not fit, or ended the process.
Run = Callable[[Sequence[EnginePlan], float], Report | None]


def find_plan(
    directory: Path,
    spec: ModelSpec,
    *,
    machine: str,
    threads: int,
    bf16: bool,
    batch: int,
    thoroughness: Thoroughness,
    budget_bytes: int | None = None,
    on_progress: Progress | None = None,
    run: Run | None = None,
) -> Found:
    """Times ways to run the model in `directory` with so many threads, and gives the one to take.

    `machine`: the engine class that it is found for. `batch`: images of a call of the model as it was exported.
    `bf16`: whether the CPU computes in it. `run` is for tests.
    A way that does not fit in `budget_bytes`, or ends its process, is left alone: a model runs as it was exported.
    """
    in_child = run or in_children(directory, spec, threads, batch, thoroughness.timeout_s, budget_bytes)
    taken: list[Round] = []
    while ways := next_round(spec.signature, threads, bf16=bf16, all_ways=thoroughness.all_ways, taken=taken):
        report = in_child(ways, thoroughness.repeat_s)
        timed = {} if report is None else {each.way: Timed(each.images_per_s, each.against) for each in report.ways}
        taken.append(timed)
        if on_progress is not None:
            for way, its in timed.items():
                on_progress(way, its)
    return _with_memory(choose(taken), machine, in_child)


def _with_memory(choice: Choice, machine: str, in_child: Run) -> Found:
    """What a frozen graph holds while it is made ready is seen in a process that does nothing else, as in a slot."""
    exported = Found(machine, PLAIN, choice.exported_images_per_s, choice.exported_images_per_s)
    if choice.plan == PLAIN:
        return exported
    load_bytes = None
    if choice.plan.frozen:
        alone = in_child([choice.plan], _BRIEFLY_S)
        if alone is None:  # it did with another one beside it
            return exported
        load_bytes = alone.ready_bytes
    known = {"machine": machine, "speedup": round(choice.speedup, _DIGITS), "load_bytes": load_bytes}
    return Found(machine, choice.plan.model_copy(update=known), choice.images_per_s, choice.exported_images_per_s)


def in_children(
    directory: Path, spec: ModelSpec, threads: int, batch: int, timeout_s: float, budget_bytes: int | None
) -> Run:
    """Each call in a fresh, isolated process. What the machine has free at that moment bounds it."""
    width_px, height_px = frame(reference_megapixels(spec.requirement.image_megapixels))

    def run(ways: Sequence[EnginePlan], repeat_s: float) -> Report | None:
        request = Request(
            directory=directory,
            spec=spec,
            ways=tuple(ways),
            threads=threads,
            batch=batch,
            width_px=width_px,
            height_px=height_px,
            budget_bytes=budget_for(free_now_bytes(), budget_bytes),
            repeat_s=repeat_s,
        )
        ending = run_isolated(
            "workers.profile.ways.child",
            request.model_dump_json(by_alias=True),
            budget_bytes=request.budget_bytes,
            threads=threads,
            timeout_s=timeout_s,
        )
        if ending.exit_code != 0 or ending.ended_for:
            return None
        try:
            return Answer.model_validate_json(ending.answer).report
        except ValidationError:
            return None

    return run
