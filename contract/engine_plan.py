"""How a model is run on one kind of machine: the `[[engine]]` tables of `model.toml`, each measured where it says.

Without one a model is called as it was exported, a batch at once, which every machine can do.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from contract.capability import Capability
from contract.model_io import Part


class EnginePlan(Part):
    """What was faster here than the model as it was exported, and gave the same detections within the tolerance."""

    #: `engine_class` of the machine that it was measured on.
    machine: str = ""
    #: Its variables are constants, and what TensorFlow can work out beforehand has been.
    frozen: bool = False
    #: Computes in bfloat16 where that loses nothing that matters. Not for jobs that ask for `exact`.
    bf16: bool = False
    #: Calls that run at once, over one copy of the weights.
    streams: Annotated[int, Field(ge=1)] = 1
    #: Images of one call at most; None: those of one size in a batch, all at once.
    call_images: Annotated[int, Field(ge=1)] | None = None
    #: Largest anonymous memory of the slot while the model was made ready; None: that of `memory.base_bytes`.
    load_bytes: Annotated[int, Field(gt=0)] | None = None
    #: Images per second over those of the model as it was exported, in one run; None: not measured.
    speedup: Annotated[float, Field(gt=0)] | None = None


#: A model as it was exported.
PLAIN: Final = EnginePlan()


def computes_bf16(capability: Capability) -> bool:
    return "avx512_bf16" in capability.cpu_features


def engine_class(capability: Capability) -> str:
    """Slots that the same plan is the fastest for: level and threads, `x86_64_v4-8t`, and `+bf16` where it computes so.

    The memory of a slot is not part of it: whether a plan fits is asked when the model is loaded.
    """
    bf16 = "+bf16" if computes_bf16(capability) else ""
    return f"{capability.cpu_level}-{capability.threads}t{bf16}"


def plan_for(plans: Sequence[EnginePlan], machine: str) -> EnginePlan:
    """The plan for slots of that engine class; PLAIN when none was measured there.

    | plans for                      | machine        | plan                |
    |--------------------------------|----------------|---------------------|
    | x86_64_v3-2t                   | x86_64_v3-2t   | that                |
    | x86_64_v3-2t                   | x86_64_v4-2t   | PLAIN               |
    | none                           | x86_64_v3-2t   | PLAIN               |
    """
    return next((plan for plan in plans if plan.machine == machine), PLAIN)


def exactly(plan: EnginePlan) -> EnginePlan:
    """The same without what may change a score in the third decimal."""
    return plan.model_copy(update={"bf16": False})


def unfrozen(plan: EnginePlan) -> EnginePlan:
    """The same of the graph as it was exported: its streams, which cost next to no memory."""
    return plan.model_copy(update={"frozen": False, "bf16": False, "load_bytes": None})


def within(plan: EnginePlan, room_bytes: int) -> EnginePlan:
    """`plan`, or as much of it as is made ready in so much memory."""
    return plan if plan.load_bytes is None or plan.load_bytes <= room_bytes else unfrozen(plan)
