"""Images per second of one model at several batch sizes: python -m training.speed --model DIR

All batch sizes in turn in one process, many rounds, the fastest of each: whatever else runs on the machine only ever
adds time, and it would be unfair if it met one batch size and not another.
"""

import argparse
import json
import os
import time
from pathlib import Path

BATCHES = (1, 4, 8)
WIDTH_PX, HEIGHT_PX = 1184, 848
"""A plate of a megapixel."""

ROUNDS = 15


def images_per_s(model: Path, threads: int) -> dict[str, float]:
    """Batch size, as text, to images per second; decoding of images not included."""
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    loaded = tf.saved_model.load(str(model))
    detect = loaded.signatures["serving_default"]
    images = np.random.default_rng(0).integers(0, 255, (max(BATCHES), HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    fastest_s = dict.fromkeys(BATCHES, float("inf"))
    for _ in range(ROUNDS):
        for batch in BATCHES:
            began = time.perf_counter()
            detect(input_tensor=tf.constant(images[:batch]))["detection_boxes"].numpy()
            fastest_s[batch] = min(fastest_s[batch], time.perf_counter() - began)
    return {str(batch): round(batch / seconds, 2) for batch, seconds in fastest_s.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="directory of saved_model.pb")
    parser.add_argument("--threads", type=int, default=2, help="intra-op threads")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print(json.dumps(images_per_s(options.model, options.threads)))


if __name__ == "__main__":
    main()
