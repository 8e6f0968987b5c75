"""vedette.fleet.plan_page: what a plan shows on a wide and on a narrow terminal."""

import io
from datetime import timedelta

import pytest
from rich.console import Console

from producer.fleet import Plan
from producer.fleet.plan import plan_of
from tests.support.facts import facts
from tests.unit.producer.fleet.test_plan import BUSY, SMALL, backlog, large, small
from vedette.fleet.plan_page import PlanPage, advice, headline


def drawn(plan: Plan, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    with console.capture() as text:
        console.print(PlanPage(plan))
    return [line.rstrip() for line in text.get().splitlines()]


BEHIND = plan_of(backlog(small(), large(), small=10_800, large=3600), {}, timedelta(hours=1))


def test_on_a_wide_terminal() -> None:
    assert drawn(BEHIND, 200) == [
        "14,400 images of all models by 13:00 UTC, in 1 h",
        "It takes 2 more of x86_64_v3-2048m-1x2, 2 more of x86_64_v3-16384m-1x2; then all is done in 51 min.",
        "",
        "model    images  with what is there",
        "large@1   3,600  in 2 h, which is too late",
        "small@1  10,800  in 2 h 30 min, which is too late",
        "",
        "class                 memory per slot  there  more  then done in  cannot",
        "x86_64_v3-2048m-1x2           2.0 GiB      1     3        46 min  "
        "large@1: 8 GiB of memory per slot (has 2.0 GiB)",
        "x86_64_v3-16384m-1x2         16.0 GiB      1     4        51 min",
        "",
        "how fast a slot is  class                 images/s  as known from",
        "large@1             x86_64_v3-16384m-1x2       0.5  profile: 2 threads",
        "small@1             2 classes                  1.0  profile: 2 threads",
    ]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_on_a_narrow_one_no_line_is_too_long_and_the_numbers_are_there(width: int) -> None:
    lines = drawn(BEHIND, width)

    assert max(map(len, lines)) <= width
    assert any("more" in line.split() and "class" in line.split() for line in lines)
    assert "which is too late" in " ".join(" ".join(lines).split())


def test_when_the_workers_that_live_are_enough() -> None:
    plan = plan_of(backlog(BUSY, models=(SMALL,), small=600), {}, timedelta(hours=2))

    assert headline(plan) == "600 images of all models by 14:00 UTC, in 2 h"
    assert advice(plan) == "The workers that live are done in 2 min."


def test_when_a_machine_has_to_be_brought_in() -> None:
    plan = plan_of(backlog(small(), small=100, large=3600), {}, timedelta(hours=1))

    assert advice(plan) == "It takes 3 new workers with 8.0 GiB per slot (any-8192m-1x2); then all is done in 41 min."
    assert "never: needs 8 GiB of memory per slot, the largest worker has 2.0 GiB" in " ".join(drawn(plan, 200))


def test_when_nothing_is_fast_enough() -> None:
    plan = plan_of(backlog(small(), models=(SMALL,), small=10**9), {}, timedelta(hours=1))

    assert advice(plan) == "No number of workers of these classes is done in time: see below."
    assert "small@1: no number up to 10,000 is enough" in " ".join(drawn(plan, 200))


def test_when_there_is_nothing_to_do() -> None:
    assert drawn(plan_of(facts(), {}, timedelta(hours=1)), 80) == ["nothing waits or runs"]
    assert headline(plan_of(facts(), {}, timedelta(hours=1), "small@1")) == "nothing of small@1 waits or runs"
