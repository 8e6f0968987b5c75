"""From a kill -9 in the middle of a batch until all of its images are in the results: python -m benchmarks.recovery

    the only slot   of a worker: its main process finds out, another slot starts, imports TensorFlow, loads the model
    one of two      slots of a worker: the other one takes what was put back
    a whole worker  its main process and its slots, while another one lives: nobody is left to tell, so the lease of
                    15 s runs out first

The batch is `--images` photographs of 12 megapixels; `undisturbed` is the same without a kill.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from benchmarks.claims import Claim, write_claims
from benchmarks.models import MODELS, SSD, make_store
from benchmarks.photographs import LARGE_PX, write_photographs
from benchmarks.turns import machine
from contract.connection import connect
from contract.ledger import Ledger, TaskRecord
from contract.settings import Settings, load_settings
from producer import Client
from producer.job import Job
from tests.support.redis_server import redis_server
from tests.support.wait import wait_until
from tests.support.worker_process import WorkerProcess, worker_process

WAIT_S = 120.0
#: Into the batch, after it was claimed.
INTO_S = 0.05
#: To see which slot is at work.
LOOK_S = 0.05
TRIES = 5


@dataclass
class Fleet:
    """Workers of the same slots; who was killed is started again."""

    folder: Path
    settings: Settings
    options: Sequence[str]
    alive: dict[str, tuple[WorkerProcess, ExitStack]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        leave = ExitStack()
        worker = leave.enter_context(worker_process(self.folder, self.settings, name, *self.options))
        self.alive[worker.node] = worker, leave

    def replace(self, node: str) -> None:
        self.alive.pop(node)[1].close()
        self.start(node.partition("@")[0])

    def stop(self) -> None:
        for _, leave in self.alive.values():
            leave.close()


def busy(slots: Sequence[psutil.Process]) -> psutil.Process:
    """The one that takes most of the processor now."""
    before = [_cpu_s(slot) for slot in slots]
    time.sleep(LOOK_S)
    took = [_cpu_s(slot) - began_s for slot, began_s in zip(slots, before, strict=True)]
    return slots[took.index(max(took))]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def kill_slot(worker: WorkerProcess) -> None:
    slots = worker.slots()
    (busy(slots) if len(slots) > 1 else slots[0]).kill()


def kill_whole(worker: WorkerProcess) -> None:
    for process in (psutil.Process(worker.process.pid), *worker.slots()):
        process.kill()


def recovery_s(
    client: Client,
    ledger: Ledger,
    fleet: Fleet,
    images: Sequence[str],
    model: str,
    kill: Callable[[WorkerProcess], None],
) -> float:
    """Seconds from a kill that left none of the batch's images in the results until all are there."""
    for _ in range(TRIES):
        job = one_batch(client, images, model)
        worker, _ = fleet.alive[running(ledger, job).worker or ""]
        time.sleep(INTO_S)
        kill(worker)
        began_s = time.perf_counter()
        left = job.status().total - job.status().succeeded
        finish(job)
        took_s = time.perf_counter() - began_s
        if kill is kill_whole:
            fleet.replace(worker.node)
        if left == len(images):
            return took_s
    raise RuntimeError(f"the batch of {len(images)} ended {TRIES} times before the kill; ask for more --images")


def one_batch(client: Client, images: Sequence[str], model: str) -> Job:
    """A list would be shared out among the slots; of a stream nobody knows how little will come."""
    return client.submit(iter(images), model, batch_size=len(images))


def running(ledger: Ledger, job: Job) -> TaskRecord:
    (task,) = ledger.tasks(job.id)

    def its() -> TaskRecord | None:
        record = ledger.task(task)
        return record if record is not None and record.state == "running" else None

    found = wait_until(its, WAIT_S, that="somebody is at the batch")
    assert found is not None
    return found


def finish(job: Job) -> None:
    status = job.wait(timeout=WAIT_S)
    if status.succeeded != status.total:
        raise RuntimeError(f"{status.succeeded} of {status.total} images: {status}")


@dataclass(frozen=True)
class Case:
    name: str
    workers: int
    slots: int
    kill: Callable[[WorkerProcess], None]


CASES = (
    Case("the only slot", 1, 1, kill_slot),
    Case("one of two", 1, 2, kill_slot),
    Case("a whole worker", 2, 1, kill_whole),
)


def measure(case: Case, given: argparse.Namespace, store: Path, work: Path) -> tuple[list[float], list[float]]:
    """Seconds of each round: undisturbed, and after the kill."""
    images = [str(each) for each in write_photographs(work / "photographs", given.images, LARGE_PX)]
    undisturbed, recovered = [], []
    with redis_server(work) as url:
        settings = load_settings(redis_url=url, model_store=store, image_roots=(work,))
        options = ("--slots", str(case.slots), "--threads", "1", "--memory", given.memory)
        fleet = Fleet(work, settings, options)
        try:
            for number in range(case.workers):
                fleet.start(f"bench-{number}")
            with Client(settings=settings) as client, connect(settings) as redis:
                for _ in range(given.rounds):
                    # Every slot has loaded the model: those that live are asked at once.
                    finish(client.submit(images, given.model, batch_size=1))
                    began_s = time.perf_counter()
                    finish(one_batch(client, images, given.model))
                    undisturbed.append(time.perf_counter() - began_s)
                    ledger = Ledger(redis, settings)
                    recovered.append(recovery_s(client, ledger, fleet, images, given.model, case.kill))
        finally:
            fleet.stop()
    return undisturbed, recovered


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=SSD)
    parser.add_argument("--images", type=int, default=16, help="of the batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", default="4g", help="of each slot at most")
    parser.add_argument("--cases", nargs="+", choices=[case.name for case in CASES], help="all, unless given")
    parser.add_argument("--claims", type=Path, help="also write the medians to this file")
    given = parser.parse_args()
    print(f"{given.model} on {machine()}; medians of {given.rounds} kills in batches of {given.images}\n")
    print(f"{'killed':16}{'undisturbed':>14}{'recovered':>12}{'least':>10}{'most':>10}")
    found = []
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        make_store(Path(folder) / "store", given.model)
        for case in CASES:
            if given.cases and case.name not in given.cases:
                continue
            work = Path(folder) / case.name.replace(" ", "-")
            work.mkdir()
            undisturbed, recovered = measure(case, given, Path(folder) / "store", work)
            amounts = (median(undisturbed), median(recovered), min(recovered), max(recovered))
            widths = (12, 10, 8, 8)
            print(
                f"{case.name:16}" + "".join(f"{each:{width}.2f} s" for each, width in zip(amounts, widths, strict=True))
            )
            sys.stdout.flush()
            found.append(Claim(f"kill -9 of {case.name} to all of its batch's results", median(recovered), unit="s"))
    write_claims(given.claims, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
