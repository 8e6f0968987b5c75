"""The page of `vedette fleet --plan`: what there is, when it is done, what more it takes, and how that is known."""

import math
from collections.abc import Iterator
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from contract.memory import format_bytes
from producer.fleet import ClassPlan, ModelPlan, Plan
from vedette.fleet.amounts import age, counted, speed
from vedette.fleet.columns import Column, Row
from vedette.fleet.page import table_of

_MODELS: Final = (
    Column("model", 0),
    Column("images", 1, right=True),
    Column("with what is there", 2, shortest=24),
)
_CLASSES: Final = (
    Column("class", 0),
    Column("memory per slot", 4, right=True),
    Column("there", 3, right=True),
    Column("more", 1, right=True),
    Column("then done in", 2, right=True),
    Column("cannot", 1, shortest=28),
)
_RATES: Final = (
    Column("how fast a slot is", 0),
    Column("class", 3),
    Column("images/s", 1, right=True),
    Column("as known from", 2, shortest=24),
)


class PlanPage:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        plan, width = self._plan, options.max_width
        yield Text(headline(plan), style="bold")
        if not plan.models:
            return
        yield Text(advice(plan), style="green" if plan.in_time else "yellow")
        for columns, rows in (
            (_MODELS, [_model(model) for model in plan.models]),
            (_CLASSES, [_class(one) for one in plan.classes]),
            (_RATES, [*_rates(plan)]),
        ):
            if rows:
                yield Text()
                yield table_of(columns, rows, width)


def headline(plan: Plan) -> str:
    """`3,240 images of all models by 16:40 UTC, in 2 h`."""
    which = plan.model or "all models"
    when = f"{plan.deadline:%H:%M} UTC" if plan.within_s < 86_400 else f"{plan.deadline:%Y-%m-%d %H:%M} UTC"
    if not plan.models:
        return f"nothing{'' if plan.model is None else f' of {plan.model}'} waits or runs"
    about = "about " if plan.estimated else ""
    return f"{about}{plan.images:,} images of {which} by {when}, in {_in(plan.within_s)}"


def advice(plan: Plan) -> str:
    """What follows, in a sentence."""
    if plan.in_time:
        return f"The workers that live are done in {_in(plan.done_in_s)}."
    if plan.together is None:
        return "No number of workers of these classes is done in time: see below."
    classes = {one.worker_class: one for one in plan.classes}
    parts = [_more(each.more, classes[each.worker_class]) for each in plan.together]
    return f"It takes {', '.join(parts)}; then all is done in {_in(plan.together_done_in_s)}."


def _more(count: int, of: ClassPlan) -> str:
    if of.workers:
        return f"{count:,} more of {of.worker_class}"
    return f"{counted(count, 'new worker')} with {format_bytes(of.memory_per_slot_bytes)} per slot ({of.worker_class})"


def _model(model: ModelPlan) -> Row:
    if model.why_never is not None:
        done = f"never: {model.why_never}"
    else:
        done = f"in {_in(model.done_in_s)}{'' if model.in_time else ', which is too late'}"
    return {"model": model.ref, "images": f"{model.images:,}", "with what is there": done}


def _class(one: ClassPlan) -> Row:
    return {
        "class": one.worker_class,
        "memory per slot": format_bytes(one.memory_per_slot_bytes),
        "there": f"{one.workers:,}",
        "more": "" if one.more is None else f"{one.more:,}",
        "then done in": "" if one.more is None else _in(one.done_in_s),
        "cannot": "; ".join(f"{ref}: {why}" for ref, why in one.cannot.items()),
    }


def _rates(plan: Plan) -> Iterator[Row]:
    """One row for what is known from the same and is equally fast, whatever the class."""
    told: dict[tuple[str, str, str, str], list[str]] = {}
    for one in plan.classes:
        for rate in one.rates:
            key = (rate.model, speed(rate.images_per_s), rate.source, rate.detail)
            told.setdefault(key, []).append(one.worker_class)
    for (model, images_per_s, source, detail), classes in sorted(told.items()):
        yield {
            "how fast a slot is": model,
            "class": classes[0] if len(classes) == 1 else counted(len(classes), "class", "classes"),
            "images/s": images_per_s,
            "as known from": f"{source}: {detail}",
        }


def _in(seconds: float | None) -> str:
    """`8 s`, `40 min`, `1 h 50 min`; begun minutes count."""
    if seconds is None:
        return "never"
    if 3600 <= seconds < 172_800:
        hours, minutes = divmod(math.ceil(seconds / 60), 60)
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    return age(math.ceil(seconds / 60) * 60 if 60 < seconds < 3600 else seconds)
