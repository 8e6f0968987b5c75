"""Images per second by cores and by workers: python -m benchmarks.growth

One worker with one core, with all of them, and two workers that share them, each with a Redis of its own. All are up at
once and take turns; who waits for its turn does nothing. The model was profiled for each number of threads.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.claims import Claim, write_claims
from benchmarks.models import MODELS, SSD, make_store
from benchmarks.photographs import write_photographs
from benchmarks.throughput import SIZES, Whole
from benchmarks.turns import Measured, machine, take_turns
from producer import Client
from producer.why.words import count
from vedette.stack import Stack, WorkerPlan


@dataclass(frozen=True)
class Shape:
    workers: int
    #: Of the one slot that each worker has.
    threads: int

    @property
    def name(self) -> str:
        return f"{count(self.workers, 'worker')} of {count(self.threads, 'core')}"

    def plans(self, memory: str) -> list[WorkerPlan]:
        options = ("--slots", "1", "--threads", str(self.threads), "--memory", memory)
        return [WorkerPlan(f"bench-{number}", options) for number in range(self.workers)]


def shapes(cores: int) -> list[Shape]:
    """What is compared on a machine of so many cores; the first is what the others are held against."""
    wanted = [Shape(1, 1), Shape(1, cores), Shape(2, 1), Shape(2, cores // 2)]
    return [each for each in dict.fromkeys(wanted) if each.threads and each.workers * each.threads <= cores]


def compare(given: argparse.Namespace, compared: Sequence[Shape]) -> list[Measured]:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder, ExitStack() as leave:
        work = Path(folder)
        images = [str(each) for each in write_photographs(work / "photographs", given.images, SIZES[given.sizes])]
        make_store(work / "store", given.model, profile=True, threads=sorted({each.threads for each in compared}))
        os.environ["VEDETTE_MODEL_STORE"] = str(work / "store")
        variants = []
        for number, shape in enumerate(compared):
            stack = Stack(
                work / f"stack-{number}", shape.plans(given.memory), 6392, flower_port=None, image_roots=[work]
            )
            leave.enter_context(stack)
            client = leave.enter_context(Client(stack.broker_url))
            variants.append(Whole(shape.name, client, images, given.model, []))
        me = psutil.Process()
        for variant in variants:
            variant.processes = [me, *me.children(recursive=True)]
        take_turns(variants, 1)  # warm: models loaded, files in the page cache
        return take_turns(variants, given.rounds)


def claims(measured: Sequence[Measured], about: str) -> list[Claim]:
    """Of each against the first."""
    first, *others = measured
    return [
        Claim(f"{about}: {each.name} against {first.name}", each.images_per_s / first.images_per_s) for each in others
    ]


def table(measured: Sequence[Measured]) -> Iterator[str]:
    first = measured[0].images_per_s
    yield f"{'':22}{'images/s':>10}{'lowest':>9}{'highest':>9}{'growth':>9}"
    for each in measured:
        speeds = [one.images_per_s for one in each.rounds]
        growth = f"{each.images_per_s / first:.2f}×"
        yield f"{each.name:22}{each.images_per_s:10.1f}{min(speeds):9.1f}{max(speeds):9.1f}{growth:>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=SSD)
    parser.add_argument("--sizes", choices=SIZES, default="mixed")
    parser.add_argument("--images", type=int, default=80, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", default="3g", help="of each worker")
    parser.add_argument("--claims", type=Path, help="also write the ratios to this file")
    given = parser.parse_args()
    print(f"{given.model} on {machine()}; medians of {given.rounds} rounds of {given.images} {given.sizes} photographs")
    measured = compare(given, shapes(len(os.sched_getaffinity(0))))
    print("\n".join(table(measured)))
    write_claims(given.claims, claims(measured, f"{given.sizes} photographs, {given.model}"))


if __name__ == "__main__":
    main()
