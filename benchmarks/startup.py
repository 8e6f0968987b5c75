"""From nothing to the first result: python -m benchmarks.startup

    python       a program of plain TensorFlow: start of Python, import, model loaded, one photograph detected
    worker       `celery -A workers worker`: start, its machine measured and TensorFlow proved, until it is in the fleet
    first        from then on: `Client.submit` of one photograph until its result is read
    import       `from producer import Client` in a new Python: what a service that submits waits for

Files are in the page cache: the first start after a boot takes longer.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.claims import Claim, write_claims
from benchmarks.models import MODELS, make_store
from benchmarks.photographs import SMALL_PX, write_photographs
from benchmarks.throughput import one_worker
from benchmarks.turns import machine
from producer import Client
from training.names import SMALL

_ONCE = """
import sys, cv2, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
image = cv2.imread(sys.argv[2], cv2.IMREAD_COLOR_RGB)
model.signatures["serving_default"](input_tensor=tf.constant(image[None]))["detection_scores"].numpy()
"""


def python_s(directory: Path, image: Path) -> float:
    return _took_s(_ONCE, str(directory), str(image))


def import_s() -> float:
    return _took_s("from producer import Client")


def _took_s(code: str, *arguments: str) -> float:
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began_s


def worker_and_first_s(work: Path, store: Path, model: str, image: Path) -> tuple[float, float]:
    began_s = time.perf_counter()
    with one_worker(work, store) as stack, Client(stack.broker_url) as client:
        up_s = time.perf_counter()
        (result,) = client.submit([str(image)], model).results(timeout=120)
        if not result.ok:
            raise RuntimeError(f"no detection: {result.failure}")
        return up_s - began_s, time.perf_counter() - up_s


def measure(model: str, rounds: int) -> Iterator[dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as folder:
        work = Path(folder)
        (image,) = write_photographs(work / "photographs", 1, SMALL_PX)
        directory = make_store(work / "store", model, profile=True)
        python_s(directory, image)  # into the page cache
        for _ in range(rounds):
            plain_s, imported_s = python_s(directory, image), import_s()
            up_s, first_s = worker_and_first_s(work, work / "store", model, image)
            yield {"python": plain_s, "worker": up_s, "first": first_s, "import": imported_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=SMALL)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--claims", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    print(f"{given.model} on {machine()}; medians of {given.rounds} rounds\n")
    rounds = list(measure(given.model, given.rounds))
    middle = {name: median(each[name] for each in rounds) for name in rounds[0]}
    for name, seconds in middle.items():
        print(f"{name:8}{seconds:7.2f} s")
    whole_s = middle["worker"] + middle["first"]
    write_claims(given.claims, [Claim("start of Redis and a worker to the first detection", whole_s, unit="s")])


if __name__ == "__main__":
    main()
