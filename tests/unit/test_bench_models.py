"""What a benchmark prints of how its model is run."""

import pytest

from benchmarks.models import plans_text
from contract.engine_plan import EnginePlan

MACHINE = "x86_64_v4-2t"


@pytest.mark.parametrize(
    ("plans", "text"),
    [
        ([], "no engine plan, called as it was exported"),
        ([EnginePlan(machine=MACHINE)], "x86_64_v4-2t: 1 stream, a batch in a call"),
        (
            [EnginePlan(machine=MACHINE, frozen=True, bf16=True, streams=2, call_images=1, speedup=1.84)],
            "x86_64_v4-2t: frozen, bfloat16, 2 streams, 1 a call, 1.84× as exported",
        ),
        (
            [EnginePlan(machine="a"), EnginePlan(machine="b")],
            "a: 1 stream, a batch in a call; b: 1 stream, a batch in a call",
        ),
    ],
)
def test_plans_are_told_in_words(plans: list[EnginePlan], text: str) -> None:
    assert plans_text(plans) == text
