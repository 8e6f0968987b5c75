"""The memory ladder: what follows from a failed attempt. One pure function, without I/O; a table tests it.

    smaller   the failing batch's images come back at half the batch
    bigger    an image that fits no batch here goes to the queue of a larger memory tier
    coarser   it is decoded at half the side, where the job allows that and the model does not resize anyway
    dead      nothing helps, or the bounds are reached: a failure that says so, with the task's history
    again     not the images' fault: they come back as they were

Only the offender is touched: the images of the failing batch. All others of the task come back unchanged. This module
decides; `workers.closing` acts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from contract.ledger.records import Verdict
from contract.messages import ImageRef
from contract.vitals import Kill

Step = Literal["again", "smaller", "bigger", "coarser", "dead"]
Stage = Literal["load", "run"]

#: Decoders halve a side for free up to an eighth (JPEG's own scaling).
SHRINK_MAX: Final = 8
#: Deaths that an image may cause while alone in its batch: once may be chance.
LONE_DEATHS_MAX: Final = 2
#: From this attempt on, an unexplained loss is held against the batch.
SUSPECT_LOSS: Final = 3


@dataclass(frozen=True)
class Mishap:
    """How an attempt failed, as far as it is known."""

    verdict: Verdict
    #: For people: `SIGKILL by the kernel, 1.9 of 2.0 GiB`.
    detail: str
    #: `load`: the model itself did not load or fit.
    stage: Stage = "run"
    #: Killed, but far below its share: another process took the memory.
    victim: bool = False
    #: Several tasks were run together, and whose images it was nobody knows: each of them is tried again alone.
    shared: bool = False
    #: Indexes of the images in the batch at that moment; empty when unknown or none. Where it was shared, as many as
    #: there were, numbered within the run: no index of any task.
    batch: frozenset[int] = frozenset()
    #: Who ended the slot's process; None: it lives on, or nobody knows.
    killed_by: Kill | None = None
    #: Most anonymous bytes of the slot that were seen; None: nobody could look.
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Circumstances:
    """What could be done about it."""

    attempt: int
    attempts_max: int
    #: Largest batch that the attempt worked with.
    batch_size: int
    #: The queue of the next larger tier that a live worker serves; None: there is none.
    bigger_queue: str | None = None
    #: The job allows coarser images, and the model does not resize them anyway.
    may_coarsen: bool = False


@dataclass(frozen=True)
class Outcome:
    step: Step
    #: Images that the step is about; all others that are left come back unchanged.
    offenders: tuple[ImageRef, ...]
    #: For log, event and history: `batch 16 → 8`.
    text: str
    #: With `smaller`: the most images that an offender may share a call with from now on.
    batch_cap: int | None = None
    #: With `bigger`: where the offenders go.
    queue: str | None = None


def outcome(mishap: Mishap, left: Sequence[ImageRef], now: Circumstances) -> Outcome:
    """The next step for `left`, the images that the failed attempt left without a result."""
    everything = tuple(left)
    if now.attempt >= now.attempts_max:
        return Outcome("dead", everything, f"given up after {now.attempt} attempts")
    if mishap.shared:
        # Only first attempts are shared, so whoever was in one runs alone from now on, and gets a verdict of its own.
        return Outcome("again", (), "put back unchanged: it ran together with others")
    batch = tuple(image for image in everything if image.index in mishap.batch)
    match mishap.verdict:
        case "memory":
            return _memory(mishap, everything, batch, now)
        case "crash" | "timeout":
            return _suspects(batch)
        case "lost":
            if now.attempt >= SUSPECT_LOSS and now.batch_size > 1:
                return _smaller(everything, now.batch_size)
            return _again()
        case "cpu":
            return _again()
        case "model" | "image":
            return Outcome("dead", everything, "given up: it would fail again")
    assert_never(mishap.verdict)


def _memory(
    mishap: Mishap, everything: tuple[ImageRef, ...], batch: tuple[ImageRef, ...], now: Circumstances
) -> Outcome:
    if mishap.victim:
        return Outcome("again", (), "put back unchanged: another process took the memory")
    if mishap.stage == "load":
        return _bigger(everything, now) or Outcome("dead", everything, "given up: no live worker has more memory")
    if len(batch) > 1:
        return _smaller(batch, len(batch))
    if not batch:
        return _again()
    return _bigger(batch, now) or _coarser(batch, now) or Outcome("dead", batch, f"given up: {_why_dead(now)}")


def _suspects(batch: tuple[ImageRef, ...]) -> Outcome:
    """A process that died for another reason than memory: halve until the image that does it is alone, then give up."""
    if len(batch) > 1:
        return _smaller(batch, len(batch))
    if batch and batch[0].lone_deaths + 1 >= LONE_DEATHS_MAX:
        return Outcome("dead", batch, f"given up: alone in its batch, {LONE_DEATHS_MAX} times")
    return Outcome("again", batch, "put back unchanged")


def _again() -> Outcome:
    return Outcome("again", (), "put back unchanged")


def _smaller(images: tuple[ImageRef, ...], batch_size: int) -> Outcome:
    return Outcome("smaller", images, f"batch {batch_size} → {batch_size // 2}", batch_cap=batch_size // 2)


def _bigger(images: tuple[ImageRef, ...], now: Circumstances) -> Outcome | None:
    if now.bigger_queue is None:
        return None
    return Outcome("bigger", images, f"→ {now.bigger_queue}", queue=now.bigger_queue)


def _coarser(images: tuple[ImageRef, ...], now: Circumstances) -> Outcome | None:
    shrink = images[0].shrink * 2
    if not now.may_coarsen or shrink > SHRINK_MAX:
        return None
    return Outcome("coarser", images, f"side 1/{images[0].shrink} → 1/{shrink}")


def _why_dead(now: Circumstances) -> str:
    coarser = "" if now.may_coarsen else ", and it may not be made coarser or that would not help"
    return f"does not fit alone, no live worker has more memory{coarser}"


def changed(then: Outcome) -> tuple[ImageRef, ...]:
    """The offenders as they are put back: with a smaller batch, at half the side, or with a death to their name."""
    match then.step:
        case "smaller":
            return tuple(image.model_copy(update={"batch_cap": then.batch_cap}) for image in then.offenders)
        case "coarser":
            return tuple(image.model_copy(update={"shrink": image.shrink * 2}) for image in then.offenders)
        case "again":
            return tuple(image.model_copy(update={"lone_deaths": image.lone_deaths + 1}) for image in then.offenders)
        case "bigger":
            return tuple(image.model_copy(update={"batch_cap": None}) for image in then.offenders)
        case "dead":
            return ()
    assert_never(then.step)
