"""Runs the benchmarks, writes docs/performance.md from what they print and draws its picture: python -m benchmarks

    python -m benchmarks                       # all but those against other servers
    python -m benchmarks --peers               # those too; their packages are installed into a directory of their own
    python -m benchmarks --only throughput     # prints, and leaves docs/performance.md as it is

Each is a program of its own, which can be called with other arguments: python -m benchmarks.throughput --help
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.claims import Claim, Speed, claims_table, read_claims
from benchmarks.picture import draw
from benchmarks.turns import machine
from training.names import SMALL

PICTURE = "images/performance.svg"  # beside the page
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


@dataclass(frozen=True)
class Benchmark:
    name: str
    title: str
    arguments: tuple[str, ...] = ()
    #: Whether it takes --claims.
    claims: bool = False

    @property
    def command(self) -> str:
        return " ".join(("python -m", f"benchmarks.{self.name}", *self.arguments))


BENCHMARKS = (
    Benchmark("throughput", "Against plain TensorFlow: an SSD-MobileNet", ("--sizes", "mixed", "large"), claims=True),
    Benchmark(
        "throughput",
        "Against plain TensorFlow: the smaller bundled model",
        ("--model", SMALL, "--sizes", "mixed"),
        claims=True,
    ),
    Benchmark("peers", "Against other servers", claims=True),
    Benchmark("overhead", "What Vedette itself costs, with a model that does nothing", claims=True),
    Benchmark("streams_memory", "What two streams hold in memory, over one", claims=True),
    Benchmark("precision", "What a frozen graph and bfloat16 change in what is found", claims=True),
    Benchmark("coarse", "What decoding at reduced scale costs and loses"),
    Benchmark("startup", "From a start to the first detection", claims=True),
    Benchmark("fleet", "What it costs to ask a large fleet"),
    Benchmark("growth", "Growth with cores and workers", ("--images", "40", "--rounds", "2"), claims=True),
    Benchmark("recovery", "After a kill in the middle of a batch", ("--rounds", "3"), claims=True),
)


@dataclass(frozen=True)
class Run:
    benchmark: Benchmark
    exit_code: int
    printed: str
    claims: Sequence[Claim]
    speeds: Sequence[Speed] = ()


def run(benchmark: Benchmark, work: Path) -> Run:
    """Shows what it prints as it comes."""
    told = work / "claims.json"
    told.unlink(missing_ok=True)
    more = ("--claims", str(told)) if benchmark.claims else ()
    print(f"\n$ {benchmark.command}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}", *benchmark.arguments, *more]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PAGE.parents[1]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return Run(benchmark, process.returncode, "".join(lines).strip(), *read_claims(told))


def page(runs: Sequence[Run], command: str, machine_name: str, when: datetime) -> str:
    """The whole of docs/performance.md."""
    lines = [
        "# Performance",
        "",
        f"Written by `{command}` on {when:%Y-%m-%d at %H:%M} UTC, on {machine_name}, with TensorFlow "
        f"{version('tensorflow')}; not by hand. Each table stands under the command that printed it. What is compared "
        "ran by turns in one run, so ratios say more than amounts: other machines have other amounts.",
        "",
    ]
    claims = [claim for each in runs for claim in each.claims]
    if claims:
        lines += ["## Ratios", "", "Vedette's figure over the other one's.", "", *claims_table(claims), ""]
    if any(each.speeds for each in runs):
        lines += [f"![Images per second of Vedette and of what it is compared with]({PICTURE})", ""]
    for each in runs:
        lines += [f"## {each.benchmark.title}", "", "```console", f"$ {each.benchmark.command}", "```", ""]
        lines += ["```text", *(line.rstrip() for line in each.printed.splitlines()), "```", ""]
        if each.exit_code:
            lines += [f"It ended with exit code {each.exit_code}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def chosen(only: Sequence[str] | None, *, peers: bool) -> list[Benchmark]:
    """Of those that this tree has."""
    here = [each for each in BENCHMARKS if find_spec(f"benchmarks.{each.name}") is not None]
    if only:
        return [each for each in here if each.name in only]
    return [each for each in here if peers or each.name != "peers"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="also against other servers")
    parser.add_argument("--only", nargs="+", choices=sorted({each.name for each in BENCHMARKS}))
    parser.add_argument("--out", type=Path, help=f"instead of {PAGE.relative_to(PAGE.parents[1])}")
    given = parser.parse_args()
    out = given.out or (None if given.only else PAGE)
    command = "python -m benchmarks" + (" --peers" if given.peers else "")
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as work:
        for each in chosen(given.only, peers=given.peers):
            runs.append(run(each, Path(work)))
            if out is not None:  # now: whoever stops it has what was measured so far
                write(out, runs, command)
    return max((each.exit_code for each in runs), default=0)


def write(out: Path, runs: Sequence[Run], command: str) -> None:
    out.write_text(page(runs, command, machine(), datetime.now(UTC)), encoding="utf-8")
    speeds = [speed for each in runs for speed in each.speeds]
    if speeds:
        draw(speeds, out.parent / PICTURE)
    print(f"\nWrote {out}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
