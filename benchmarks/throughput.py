"""Images per second of the whole system against programs without it: python -m benchmarks.throughput

From JPEG files on disk to results: Vedette with a Redis and a worker of its own, `Client.submit` until every result is
read; and plain TensorFlow as `benchmarks.plain` has it. Same SavedModel, same files, same cores, in one run, by turns;
medians of the rounds. `mixed` are photographs of 0.3 to 12 megapixels, `large` of 12, `small` of 0.3. Where the client
can ask for it, `exact` is Vedette without what may change a result in the third decimal.
"""

import argparse
import inspect
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks import photographs
from benchmarks.claims import Claim, Speed, write_claims
from benchmarks.models import MODELS, SSD, make_store
from benchmarks.plain import WAYS
from benchmarks.turns import Measured, Program, Round, Variant, cpu_s_of, machine, take_turns
from producer import Client
from vedette.stack import Stack, WorkerPlan

SIZES: Final = {"mixed": photographs.MIXED_PX, "large": photographs.LARGE_PX, "small": photographs.SMALL_PX}
LOOPS: Final = ("one", "four")
TUNED: Final = ("streams", "pipeline")
#: Does by hand one of the things that Vedette does: shows where the gain comes from, and nothing was promised of it.
FROZEN: Final = "frozen"
#: In the picture, where nobody explains what is what.
CALLED: Final = {
    "one": "tutorial loop",
    "four": "tutorial loop, stacks of 4",
    "streams": "TensorFlow, tuned: streams",
    "pipeline": "TensorFlow, tuned: pipeline",
    "frozen": "TensorFlow, tuned and frozen",
}
RESULTS_S: Final = 120


@dataclass
class Whole:
    """Submits the photographs as one job and reads its results."""

    name: str
    client: Client
    images: Sequence[str]
    model: str
    #: This one, Redis, the worker and its slots.
    processes: Sequence[psutil.Process]
    more: dict[str, Any] = field(default_factory=dict)

    def round(self) -> Round:
        began_s, began_cpu_s = time.perf_counter(), cpu_s_of(self.processes)
        job = self.client.submit(self.images, self.model, **self.more)
        results = list(job.results(timeout=RESULTS_S))
        took_s = time.perf_counter() - began_s
        failed = [result for result in results if not result.ok]
        if failed or len(results) != len(self.images):
            raise RuntimeError(f"{len(results)} results for {len(self.images)} images, {failed[:1]}")
        found = sum(len(result.detections) for result in results)
        return Round(took_s, len(results), found, cpu_s_of(self.processes) - began_cpu_s)


@contextmanager
def one_worker(work: Path, store: Path, **more: Any) -> Iterator[Stack]:
    """A stack with a worker that uses all cores; it logs into `work`."""
    os.environ["VEDETTE_MODEL_STORE"] = str(store)
    stack = Stack(work / "stack", [WorkerPlan("bench")], 6392, flower_port=None, image_roots=[work], **more)
    with stack:
        yield stack


def compare(directory: Path, model: str, sizes: str, count: int, rounds: int, ways: Sequence[str]) -> list[Measured]:
    """`directory` of the SavedModel, in its store."""
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder, ExitStack() as leave:
        work = Path(folder)
        images = photographs.write_photographs(work / "photographs", count, SIZES[sizes])
        stack = leave.enter_context(one_worker(work, directory.parents[1]))
        client = leave.enter_context(Client(stack.broker_url))
        uris, me = [str(image) for image in images], psutil.Process()
        whole = partial(Whole, client=client, images=uris, model=model, processes=[me, *me.children(recursive=True)])
        variants: list[Variant] = [whole("vedette")]
        if "exact" in inspect.signature(Client.submit).parameters:
            variants.append(whole("vedette, exact", more={"exact": True}))
        for way in ways:
            program = Program(way, ["-m", "benchmarks.plain", way, str(directory), str(work / "photographs")])
            leave.enter_context(program).await_ready()
            variants.append(program)
        take_turns(variants, 1)  # warm: models loaded, files in the page cache
        return take_turns(variants, rounds)


def claims(measured: Sequence[Measured], sizes: str, model: str) -> list[Claim]:
    """Against the fastest of each kind, for either may be what somebody writes."""
    speed = {each.name: each.images_per_s for each in measured}
    about = f"{sizes} photographs, {model}"
    kinds = (
        (LOOPS, "the loop of tutorials", {"mixed": 3.0}),
        (TUNED, "hand-tuned TensorFlow", {"mixed": 1.4}),
        (LOOPS + TUNED, "the fastest full decode", {"large": 3.0}),
    )
    found = []
    for ways, called, wanted in kinds:
        theirs = [speed[way] for way in ways if way in speed]
        if theirs and (sizes in wanted or ways != LOOPS + TUNED):
            found.append(Claim(f"{about}: against {called}", speed["vedette"] / max(theirs), wanted.get(sizes)))
    tuned = [speed[way] for way in TUNED if way in speed]
    if "vedette, exact" in speed and tuned:
        what = f"{about}: exact, against hand-tuned TensorFlow"
        found.append(Claim(what, speed["vedette, exact"] / max(tuned), 0.95 if sizes == "mixed" else None))
    if FROZEN in speed:
        found.append(Claim(f"{about}: against hand-tuned and frozen TensorFlow", speed["vedette"] / speed[FROZEN]))
    return found


def table(measured: Sequence[Measured]) -> Iterator[str]:
    ours = next(each for each in measured if each.name == "vedette").images_per_s
    yield f"{'':16}{'images/s':>10}{'lowest':>9}{'highest':>9}{'Vedette is':>12}{'CPU ms/image':>14}{'found':>7}"
    for each in sorted(measured, key=lambda each: -each.images_per_s):
        speeds = [one.images_per_s for one in each.rounds]
        times = f"{ours / each.images_per_s:.2f}×"
        amounts = f"{each.images_per_s:10.1f}{min(speeds):9.1f}{max(speeds):9.1f}{times:>12}"
        yield f"{each.name:16}{amounts}{each.cpu_ms_per_image:14.1f}{each.found:7.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=SSD)
    parser.add_argument("--sizes", choices=SIZES, nargs="+", default=list(SIZES))
    parser.add_argument("--images", type=int, default=100, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=list(WAYS), help="of plain TensorFlow")
    parser.add_argument("--claims", type=Path, help="also write the ratios to this file")
    given = parser.parse_args()
    print(f"{given.model} on {machine()}; medians of {given.rounds} rounds of {given.images} photographs")
    found, speeds = list[Claim](), list[Speed]()
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        directory = make_store(Path(folder) / "store", given.model, profile=True)
        for sizes in given.sizes:
            measured = compare(directory, given.model, sizes, given.images, given.rounds, given.ways)
            print(f"{sizes}: {', '.join(f'{width} × {height}' for width, height in SIZES[sizes])}")
            print("\n".join(table(measured)), flush=True)
            print()
            found += claims(measured, sizes, given.model)
            about = f"{sizes} photographs, {given.model}"
            speeds += [Speed(about, CALLED.get(each.name, each.name), each.images_per_s) for each in measured]
    write_claims(given.claims, found, speeds)


if __name__ == "__main__":
    main()
