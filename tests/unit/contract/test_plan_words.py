"""contract.plan_words: an engine plan as people read it."""

import pytest

from contract.engine_plan import PLAIN, EnginePlan
from contract.plan_words import plan_line, plan_words


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (PLAIN, "as exported"),
        (EnginePlan(frozen=True), "frozen graph"),
        (EnginePlan(streams=2, call_images=1), "2 streams of single images"),
        (EnginePlan(streams=2), "2 streams"),
        (EnginePlan(streams=2, call_images=4, frozen=True, bf16=True), "2 streams of 4 images, frozen graph, bfloat16"),
        (EnginePlan(call_images=1), "single images"),
    ],
)
def test_words(plan, words) -> None:
    assert plan_words(plan) == words


def test_a_line() -> None:
    plan = EnginePlan(machine="x86_64_v3-2t", streams=2, call_images=1, speedup=1.94)

    assert plan_line(plan) == "2 streams of single images: 1.94 × as fast as exported, on x86_64_v3-2t"
    assert plan_line(plan.model_copy(update={"speedup": None})) == "2 streams of single images, on x86_64_v3-2t"
