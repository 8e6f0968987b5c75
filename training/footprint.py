"""What a fresh process needs to run a model: python -m training.footprint --model DIR --batch N --width W --height H

Prints one JSON object; training.measure starts it once per model, batch and size, because memory that a process has
once touched stays with it and would hide the next measurement.

Anonymous memory (RssAnon of /proc/self/status) is what counts: pages of libraries and weights that are backed by files
can be dropped by the kernel and never kill a process.
"""

import argparse
import json
import os
import threading
import time
from pathlib import Path

SAMPLE_EVERY_S = 0.002
CALLS = 3
WARM_UP_PX = 64


def anonymous_bytes() -> int:
    with Path("/proc/self/status").open("rb") as status:
        for line in status:
            if line.startswith(b"RssAnon:"):
                return int(line.split()[1]) * 1024
    raise OSError("RssAnon is missing from /proc/self/status: this kernel is older than 4.5")


class PeakWatch:
    """`with PeakWatch() as watch: ...` -> watch.peak_bytes, sampled by a thread about every 2 ms."""

    def __enter__(self) -> "PeakWatch":
        self.peak_bytes = anonymous_bytes()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, anonymous_bytes())


def footprint(model: Path, batch: int, width_px: int, height_px: int, threads: int) -> dict[str, float]:
    """Bytes and seconds of every stage from import to steady state, in the order in which they happen."""
    report: dict[str, float] = {}
    began = time.monotonic()
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    report["import_s"], report["imported_bytes"] = time.monotonic() - began, anonymous_bytes()

    began = time.monotonic()
    loaded = tf.saved_model.load(str(model))
    detect = loaded.signatures["serving_default"]
    report["load_s"], report["loaded_bytes"] = time.monotonic() - began, anonymous_bytes()

    began = time.monotonic()
    detect(input_tensor=tf.zeros([1, WARM_UP_PX, WARM_UP_PX, 3], tf.uint8))
    report["first_call_s"], report["warm_bytes"] = time.monotonic() - began, anonymous_bytes()

    timed = []
    with PeakWatch() as watch:
        images = np.random.default_rng(0).integers(0, 255, (batch, height_px, width_px, 3), dtype=np.uint8)
        for _ in range(CALLS):
            began = time.monotonic()
            outputs = {key: value.numpy() for key, value in detect(input_tensor=tf.constant(images)).items()}
            timed.append(time.monotonic() - began)
    assert outputs["detection_boxes"].shape[0] == batch
    report["call_s"], report["settled_bytes"] = min(timed), anonymous_bytes()
    report["peak_bytes"] = max(watch.peak_bytes, anonymous_bytes())
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="directory of saved_model.pb")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--height", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2, help="intra-op threads")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print(json.dumps(footprint(options.model, options.batch, options.width, options.height, options.threads)))


if __name__ == "__main__":
    main()
