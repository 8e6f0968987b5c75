"""What is compared with what when cores and workers grow."""

import pytest

from benchmarks.claims import Claim
from benchmarks.growth import Shape, claims, shapes
from benchmarks.turns import Measured, Round


@pytest.mark.parametrize(
    ("cores", "names"),
    [
        (1, ["1 worker of 1 core"]),
        (2, ["1 worker of 1 core", "1 worker of 2 cores", "2 workers of 1 core"]),
        (8, ["1 worker of 1 core", "1 worker of 8 cores", "2 workers of 1 core", "2 workers of 4 cores"]),
    ],
)
def test_nobody_is_given_more_cores_than_there_are(cores: int, names: list[str]) -> None:
    assert [shape.name for shape in shapes(cores)] == names


def test_each_worker_has_a_name_and_one_slot() -> None:
    plans = Shape(2, 1).plans("3g")

    assert len({plan.name for plan in plans}) == 2
    assert {plan.options for plan in plans} == {("--slots", "1", "--threads", "1", "--memory", "3g")}


def test_growth_is_against_the_smallest() -> None:
    measured = [Measured(name, [Round(s, 10, 0, s)]) for name, s in (("small", 2.0), ("large", 1.0))]

    assert claims(measured, "m") == [Claim("m: large against small", 2)]
