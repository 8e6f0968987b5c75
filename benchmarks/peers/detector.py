"""The detector that every other server here has: bytes of JPEG files in, boxes out. Imported by their processes.

As well tuned as is known: files are decoded side by side, and images of one size go into one call.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

SCORE_MIN = 0.5


class Detector:
    def __init__(self, threads: int | None = None) -> None:
        """`threads` of TensorFlow and for decoding; None: one for each core."""
        cores = threads or len(os.sched_getaffinity(0))
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        cv2.setNumThreads(1)
        self._pool = ThreadPoolExecutor(cores)
        self._model = tf.saved_model.load(os.environ["BENCH_MODEL"])
        self._signature = self._model.signatures["serving_default"]
        self._call(np.zeros((1, 480, 640, 3), np.uint8))

    def detect(self, files: Sequence[bytes]) -> list[list[dict[str, Any]]]:
        """For each file, its boxes of score 0.5 or more, as shares of the image."""
        images = list(self._pool.map(_decoded, files))
        answers: list[list[dict[str, Any]]] = [[] for _ in files]
        by_shape = sorted(range(len(images)), key=lambda number: images[number].shape)
        for _, group in groupby(by_shape, key=lambda number: images[number].shape):
            alike = list(group)
            for number, found in zip(alike, self._call(np.stack([images[each] for each in alike])), strict=True):
                answers[number] = found
        return answers

    def _call(self, images: np.ndarray) -> list[list[dict[str, Any]]]:
        outputs = {key: value.numpy() for key, value in self._signature(input_tensor=tf.constant(images)).items()}
        rows = zip(outputs["detection_boxes"], outputs["detection_scores"], outputs["detection_classes"], strict=True)
        return [
            [
                {"box": box.tolist(), "score": float(score), "class": int(class_id)}
                for box, score, class_id in zip(*row, strict=True)
                if score >= SCORE_MIN
            ]
            for row in rows
        ]


def _decoded(file: bytes) -> np.ndarray:
    pixels: np.ndarray = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB)
    return pixels
