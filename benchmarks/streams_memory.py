"""What a slot holds with two streams, over what it holds with one: python -m benchmarks.streams_memory

Each in a process of its own that is set up like a slot, loads the model, and runs single photographs of a megapixel as
many at once as it has streams. `ready` is the most anonymous memory while the model was loaded and made ready,
`running` the most from then on; of several processes, the median. A slot needs room for the larger of the two.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.claims import Claim, write_claims
from benchmarks.models import SSD, make_store
from benchmarks.turns import machine
from contract.engine_plan import EnginePlan
from contract.model_spec import FILE_NAME, read_spec
from contract.plan_words import plan_words
from training.names import SMALL
from workers.profile.ways.search import in_children

AT_MOST = 1.25
STREAMS = 2
REPEAT_S = 2.0
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Held:
    ready_mb: float
    running_mb: float

    @property
    def slot_mb(self) -> float:
        return max(self.ready_mb, self.running_mb)


def held(directory: Path, way: EnginePlan, processes: int) -> Held:
    run = in_children(
        directory, read_spec(directory / FILE_NAME), threads=STREAMS, batch=1, timeout_s=TIMEOUT_S, budget_bytes=None
    )
    reports = [run([way], REPEAT_S) for _ in range(processes)]
    told = [report for report in reports if report is not None]
    if len(told) < processes:
        raise RuntimeError(f"{plan_words(way)}: {processes - len(told)} of {processes} processes have ended")
    return Held(median(each.ready_bytes for each in told) / 1e6, median(each.running_bytes for each in told) / 1e6)


def measure(name: str, processes: int) -> Iterator[Claim]:
    """Prints a line for each way, and gives the ratio of both graphs."""
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as work:
        directory = make_store(Path(work) / "store", name)
        for frozen in (False, True):
            ways = [EnginePlan(streams=streams, call_images=1, frozen=frozen) for streams in (1, STREAMS)]
            one, more = (held(directory, way, processes) for way in ways)
            graph = "frozen" if frozen else "exported"
            for way, its in zip(ways, (one, more), strict=True):
                print(
                    f"{name:<22} {graph:<9} {way.streams:>7} {its.ready_mb:>7.0f} MB {its.running_mb:>7.0f} MB "
                    f"{its.running_mb / one.running_mb:>8.2f}× {its.slot_mb / one.slot_mb:>6.2f}×",
                    flush=True,
                )
            yield Claim(f"memory of a slot, {STREAMS} streams to 1: {name}, {graph}", more.slot_mb / one.slot_mb,
                        at_most=AT_MOST)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=[SSD, SMALL])
    parser.add_argument("--processes", type=int, default=3, help="of each kind")
    parser.add_argument("--claims", type=Path)
    options = parser.parse_args()
    print(machine())
    print(f"{'model':<22} {'graph':<9} streams {'ready':>10} {'running':>10} {'running':>9} {'slot':>7}")
    claims = [claim for name in options.models for claim in measure(name, options.processes)]
    write_claims(options.claims, claims)
    return 0 if all(claim.met for claim in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
