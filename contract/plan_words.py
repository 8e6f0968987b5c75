"""An engine plan in words, for people."""

from contract.engine_plan import EnginePlan


def plan_words(plan: EnginePlan) -> str:
    """`2 streams of single images, frozen graph`.

    | streams | call_images | frozen, bf16 | words                                                |
    |---------|-------------|--------------|------------------------------------------------------|
    | 1       |             |              | as exported                                          |
    | 1       |             | frozen       | frozen graph                                         |
    | 2       | 1           |              | 2 streams of single images                           |
    | 2       | 4           | both         | 2 streams of 4 images, frozen graph, bfloat16        |
    | 1       | 1           |              | single images                                        |
    """
    images = {None: "", 1: "single images"}.get(plan.call_images, f"{plan.call_images} images")
    if plan.streams > 1:
        images = f"{plan.streams} streams" + (f" of {images}" if images else "")
    parts = [images, "frozen graph" if plan.frozen else "", "bfloat16" if plan.bf16 else ""]
    return ", ".join(filter(None, parts)) or "as exported"


def plan_line(plan: EnginePlan) -> str:
    """`2 streams of single images: 1.94 × as fast as exported, on x86_64_v3-2t`."""
    faster = "" if plan.speedup is None else f": {plan.speedup:.2f} × as fast as exported"
    return f"{plan_words(plan)}{faster}, on {plan.machine}"
