"""Starts the child that looks at a SavedModel and runs it, and says what its end means."""

from typing import Final

from pydantic import ValidationError

from contract.errors import LabelsError, ModelBroken, SignatureUnknown
from contract.memory import format_bytes
from workers.adding.protocol import Answer, Look, Request
from workers.isolation import Ending, run_isolated

TIMEOUT_S: Final = 900.0
_ERRORS: Final = {error.code: error for error in (SignatureUnknown, LabelsError)}


def look(request: Request, timeout_s: float = TIMEOUT_S) -> Look:
    """SignatureUnknown or ModelBroken when the model is not understood, cannot be run, or ends the process."""
    ending = run_isolated(
        "workers.adding.child",
        request.model_dump_json(),
        budget_bytes=request.budget_bytes,
        threads=request.threads,
        timeout_s=timeout_s,
    )
    return conclude(request, ending, timeout_s)


def conclude(request: Request, ending: Ending, timeout_s: float) -> Look:
    """What the child found, or the error that its end means. Pure."""
    ref = f"{request.name}@{request.version}"
    answer = _read(ending.answer)
    if answer is not None and answer.look is not None:
        return answer.look
    if answer is not None and answer.raised is not None and answer.raised.verdict != "memory":
        kind = _ERRORS.get(answer.raised.code, ModelBroken)
        text = answer.raised.text
        raise kind(text if answer.raised.code else f"{ref}: a trial run failed: {text}")
    if ending.ended_for == "time":
        raise ModelBroken(f"{ref}: a trial run was not done after {timeout_s:g} s")
    if ending.for_memory or answer is not None:
        raise ModelBroken(
            f"{ref}: a trial run with single images needs more memory than the {format_bytes(request.budget_bytes)} "
            f"that it may take here ({format_bytes(ending.peak_bytes)} seen). Add it on a larger machine."
        )
    raise ModelBroken(
        f"{ref}: the process that tried it was ended: {ending.death.detail}.{ending.last_words} Such a model would end "
        "every slot that takes it. Run it by hand with saved_model_cli to see why, and export it anew."
    )


def _read(text: bytes) -> Answer | None:
    """None for what a death cut short."""
    try:
        return Answer.model_validate_json(text)
    except ValidationError:
        return None
