"""The arithmetic of the benchmark against plain TensorFlow."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.claims import Claim, Speed, claims_table, read_claims, write_claims
from benchmarks.throughput import claims, table
from benchmarks.turns import Measured, Round, take_turns


class Quick:
    """A variant that needs no time and notes its turn."""

    def __init__(self, name: str, turns: list[str]) -> None:
        self.name = name
        self._turns = turns

    def round(self) -> Round:
        self._turns.append(self.name)
        return Round(seconds=1, images=10, found=3, cpu_s=2)


def measured(name: str, seconds: Sequence[float]) -> Measured:
    return Measured(name, [Round(each, images=12, found=3, cpu_s=each) for each in seconds])


def test_every_second_time_the_turns_are_reversed() -> None:
    turns = list[str]()

    found = take_turns([Quick("a", turns), Quick("b", turns)], 3)

    assert turns == ["a", "b", "b", "a", "a", "b"]
    assert [(each.name, each.images_per_s, each.cpu_ms_per_image) for each in found] == [("a", 10, 200), ("b", 10, 200)]


def test_ratios_are_of_medians_and_against_the_fastest_of_a_kind() -> None:
    rounds = [measured("vedette", [1, 1, 9]), measured("one", [6, 6, 6]), measured("four", [4, 4, 4])]

    assert claims(rounds, "mixed", "m") == [Claim("mixed photographs, m: against the loop of tutorials", 4, 3)]


def test_exact_is_held_against_what_was_tuned() -> None:
    rounds = [measured("vedette", [1]), measured("vedette, exact", [2]), measured("streams", [2])]

    assert [(claim.measured, claim.at_least, claim.met) for claim in claims(rounds, "mixed", "m")] == [
        (2, 1.4, True),
        (1, 0.95, True),
    ]


def test_large_photographs_are_held_against_every_full_decode() -> None:
    rounds = [measured("vedette", [1]), measured("one", [2]), measured("streams", [4])]

    assert [claim.measured for claim in claims(rounds, "large", "m") if claim.at_least] == [2]


def test_what_was_frozen_by_hand_has_a_ratio_and_no_promise() -> None:
    rounds = [measured("vedette", [1]), measured("streams", [2]), measured("frozen", [1.25])]

    assert [(claim.measured, claim.met) for claim in claims(rounds, "mixed", "m")] == [(2, True), (1.25, None)]


def test_the_table_has_the_fastest_first() -> None:
    lines = list(table([measured("vedette", [2]), measured("one", [1, 4, 1])]))

    assert [line.split()[:5] for line in lines[1:]] == [
        ["one", "12.0", "3.0", "12.0", "0.50×"],
        ["vedette", "6.0", "6.0", "6.0", "1.00×"],
    ]


@pytest.mark.parametrize(
    ("claim", "row"),
    [
        (Claim("a", 2.0, 1.5), "| a | 2.00× | ≥ 1.50× | met |"),
        (Claim("a", 1.0, 1.5), "| a | 1.00× | ≥ 1.50× | **not met** |"),
        (Claim("a", 6.25, at_most=5, unit="ms"), "| a | 6.25 ms | ≤ 5 ms | **not met** |"),
        (Claim("a", 2500, unit="images/s"), "| a | 2,500 images/s |  |  |"),
    ],
)
def test_a_claim_says_whether_it_is_met(claim: Claim, row: str) -> None:
    assert claims_table([claim])[2:] == [row]


def test_claims_are_read_as_they_were_written(tmp_path: Path) -> None:
    told = [Claim("a", 2.0, 1.5), Claim("b", 3.0, unit="ms")]

    speeds = [Speed("mixed", "vedette", 40.0)]

    write_claims(tmp_path / "claims.json", told, speeds)

    assert read_claims(tmp_path / "claims.json") == (told, speeds)
    assert read_claims(tmp_path / "none.json") == ([], [])
