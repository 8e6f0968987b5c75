"""One load in a fresh, isolated process, and what its end means."""

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from contract.errors import ModelBroken
from contract.memory import MIB, format_bytes
from contract.model_spec import ModelSpec
from workers import isolation
from workers.isolation import Ending, run_isolated
from workers.isolation.raised import Raised
from workers.isolation.watch import free_now_bytes
from workers.profile.errors import ProfileFailed
from workers.profile.outcome import Outcome, Ran, Stopped
from workers.profile.protocol import Answer, Load, Request

#: TensorFlow's import alone takes 200 MB.
BUDGET_MIN_BYTES: Final = 256 * MIB
_BY_HAND: Final = "Run it by hand with saved_model_cli to see why, and export it anew."


def budget_for(free_bytes: int, wanted_bytes: int | None) -> int:
    """As `workers.isolation.budget_for`; ProfileFailed when that is less than `BUDGET_MIN_BYTES`."""
    budget_bytes = isolation.budget_for(free_bytes, wanted_bytes)
    if budget_bytes < BUDGET_MIN_BYTES:
        raise ProfileFailed(
            f"a profile may take {format_bytes(budget_bytes)} ({format_bytes(free_bytes)} are free), and TensorFlow "
            f"alone needs {format_bytes(BUDGET_MIN_BYTES)}. Free some memory, or profile on a larger machine."
        )
    return budget_bytes


def run(
    directory: Path,
    spec: ModelSpec,
    load: Load,
    *,
    budget_bytes: int | None = None,
    repeat_s: float,
    timeout_s: float,
    beside: tuple[int, ...] = (),
) -> Outcome:
    """ModelBroken when the model cannot be loaded as its spec says; ProfileFailed when it raises or ends the process
    for another reason than memory."""
    request = Request(
        directory=directory,
        spec=spec,
        load=load,
        budget_bytes=budget_for(free_now_bytes(), budget_bytes),
        repeat_s=repeat_s,
        beside=beside,
    )
    ending = run_isolated(
        "workers.profile.child",
        request.model_dump_json(by_alias=True),
        budget_bytes=request.budget_bytes,
        threads=load.threads,
        timeout_s=timeout_s,
    )
    return _outcome(request, ending)


def _outcome(request: Request, ending: Ending) -> Outcome:
    load, ref = request.load, request.spec.ref
    if ending.ended_for == "time":
        return Stopped(load, "time", "took too long")
    if ending.ended_for == "machine":
        return Stopped(load, "memory", f"the machine ran short of memory, {format_bytes(ending.peak_bytes)} taken")
    answer = _read_answer(ending.answer)
    if answer is not None and answer.report is not None and ending.exit_code == 0:
        return Ran(load, answer.report, max(answer.report.peak_bytes, ending.peak_bytes))
    if answer is not None and answer.raised is not None:
        return _raised(request, answer.raised)
    if ending.for_memory:
        return Stopped(load, "memory", f"does not fit in {format_bytes(request.budget_bytes)}")
    raise ProfileFailed(
        f"{ref} cannot be profiled: the process that ran {load} has ended: {ending.death.detail}."
        f"{ending.last_words} Such a model would end every slot that takes it. {_BY_HAND}"
    )


def _raised(request: Request, raised: Raised) -> Stopped:
    if raised.verdict == "memory":
        return Stopped(request.load, "memory", f"does not fit in {format_bytes(request.budget_bytes)}: {raised.text}")
    if raised.code == ModelBroken.code:
        raise ModelBroken(raised.text)
    raise ProfileFailed(f"{request.spec.ref} cannot be profiled: at {request.load}: {raised.text}. {_BY_HAND}")


def _read_answer(said: bytes) -> Answer | None:
    """None for what a death cut short."""
    try:
        return Answer.model_validate_json(said)
    except ValidationError:
        return None
