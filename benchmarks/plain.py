"""Object detection without Vedette: the loop of every tutorial, and the best found by hand. A program of turns.

    one        read, call, next
    four       read four of one size, stack, call, next: a loop that was told to use batches
    streams    as many threads as cores, each reads and calls one by one; one thread inside each call
    pipeline   threads decode ahead, batches of four of one size are called with all cores
    frozen     as streams, after the model's variables were made constants of the graph

All read whole files from disk with OpenCV, as RGB at full size, and call the same signature in fp32. Streams that stack
four were tried too: they take more processor time for an image than those that call one by one.
"""

import argparse
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from benchmarks.turns import Round, answer_rounds

WAYS = ("one", "four", "streams", "pipeline", "frozen")
#: Of these, several calls run at once.
SIDE_BY_SIDE = ("streams", "frozen")
STACK = 4
SCORE_MIN = 0.5

Call = Callable[[np.ndarray], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("model", type=Path, help="directory of a SavedModel")
    parser.add_argument("photographs", type=Path, help="directory of JPEG files")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    if given.way in SIDE_BY_SIDE:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        # Calls share these: with fewer than there are calls, one waits for the other.
        tf.config.threading.set_inter_op_parallelism_threads(cores)
    if given.way not in ("one", "four"):
        cv2.setNumThreads(1)
    loaded = tf.saved_model.load(str(given.model))
    signature = loaded.signatures["serving_default"]
    scores = frozen(signature) if given.way == "frozen" else signature

    def call(images: np.ndarray) -> int:
        return int(np.sum(scores(input_tensor=tf.constant(images))["detection_scores"].numpy() >= SCORE_MIN))

    paths = sorted(given.photographs.glob("*.jpg"))
    for size in (1, STACK):
        call(np.zeros((size, 480, 640, 3), np.uint8))
    list(stacks(paths))  # sizes are known before the first round
    answer_rounds(lambda: timed(given.way, call, paths, cores))


def frozen(signature: Any) -> Callable[..., dict[str, tf.Tensor]]:
    """The same, its variables constants: TensorFlow then folds into them what does not change."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    constant = convert_variables_to_constants_v2(signature)
    names = sorted(signature.structured_outputs)  # in this order a function's outputs are, once they are flat
    return lambda input_tensor: dict(zip(names, constant(input_tensor), strict=True))


def timed(way: str, call: Call, paths: Sequence[Path], cores: int) -> Round:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    if way == "one":
        found = sum(call(read(path)[None]) for path in paths)
    elif way == "four":
        found = sum(call(np.stack([read(path) for path in stack])) for stack in stacks(paths))
    elif way == "pipeline":
        found = sum(call(np.stack(images)) for images in decoded_ahead(paths, cores))
    else:
        with ThreadPoolExecutor(cores) as pool:
            found = sum(pool.map(lambda path: call(read(path)[None]), paths))
    return Round(time.perf_counter() - began_s, len(paths), found, time.process_time() - began_cpu_s)


def decoded_ahead(paths: Sequence[Path], cores: int) -> Iterator[list[np.ndarray]]:
    """While the model runs, as many stacks as there are cores are being decoded, and no more are held."""
    with ThreadPoolExecutor(cores) as pool:
        ahead = deque[list[Future[np.ndarray]]]()
        for stack in stacks(paths):
            ahead.append([pool.submit(read, path) for path in stack])
            if len(ahead) > cores:
                yield [future.result() for future in ahead.popleft()]
        while ahead:
            yield [future.result() for future in ahead.popleft()]


def read(path: Path) -> np.ndarray:
    pixels: np.ndarray = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    return pixels


def stacks(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """Four files of one size each; that sizes are known beforehand is a present to the loop."""
    by_size = sorted(paths, key=size_px)
    for _, alike in groupby(by_size, key=size_px):
        group = list(alike)
        yield from (group[first : first + STACK] for first in range(0, len(group), STACK))


_SIZES: dict[Path, tuple[int, int]] = {}


def size_px(path: Path) -> tuple[int, int]:
    if path not in _SIZES:
        height, width = read(path).shape[:2]
        _SIZES[path] = width, height
    return _SIZES[path]


if __name__ == "__main__":
    main()
