"""docs/performance.md is what the benchmarks printed."""

from datetime import UTC, datetime

from benchmarks.__main__ import BENCHMARKS, Benchmark, Run, chosen, page
from benchmarks.claims import Claim, Speed

WHEN = datetime(2026, 11, 24, 16, 5, tzinfo=UTC)
QUICK = Benchmark("quick", "How quick", ("--rounds", "2"))


def test_the_page_names_machine_commands_and_ratios() -> None:
    runs = [Run(QUICK, 0, "12.0 images/s   \n13.0 images/s", [Claim("against nothing", 3.5, 3)])]

    text = page(runs, "python -m benchmarks", "a machine, 2 cores", WHEN)

    assert "Written by `python -m benchmarks` on 2026-11-24 at 16:05 UTC, on a machine, 2 cores" in text
    assert "| against nothing | 3.50× | ≥ 3.00× | met |" in text
    assert "## How quick\n\n```console\n$ python -m benchmarks.quick --rounds 2\n```" in text
    assert "```text\n12.0 images/s\n13.0 images/s\n```\n" in text
    assert text.endswith("```\n")


def test_the_page_shows_the_picture_when_there_is_one() -> None:
    speeds = [Speed("mixed", "vedette", 40.0)]

    assert "](images/performance.svg)" in page([Run(QUICK, 0, "", [], speeds)], "", "a machine", WHEN)
    assert "performance.svg" not in page([Run(QUICK, 0, "", [])], "", "a machine", WHEN)


def test_a_benchmark_that_failed_says_so_on_the_page() -> None:
    text = page([Run(QUICK, 1, "gave up", [])], "python -m benchmarks", "a machine", WHEN)

    assert "It ended with exit code 1." in text
    assert "## Ratios" not in text


def test_other_servers_are_measured_when_asked_for() -> None:
    assert "peers" not in {each.name for each in chosen(None, peers=False)}
    assert {each.name for each in chosen(["fleet"], peers=False)} == {"fleet"}
    assert {each.name for each in chosen(None, peers=True)} <= {each.name for each in BENCHMARKS}
