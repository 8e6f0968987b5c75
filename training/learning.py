"""The training loop: one network, one stream of batches, a given time."""

import math
import time
from collections.abc import Generator

import numpy as np
import tensorflow as tf

from training.loss import BOX_WEIGHT, box_loss, heat_loss
from training.net import Detector
from training.targets import targets_of
from training.views import View

WEIGHT_DECAY, GRADIENT_NORM = 1e-4, 5.0
WARM_UP_SHARE = 0.02
LOG_EVERY_S = 20.0


def use_the_whole_machine(threads: int) -> None:
    """Before anything else. On CPUs with AVX512_BF16 or AMX this halves the time of a step; others ignore it."""
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    tf.config.threading.set_intra_op_parallelism_threads(threads)


def train(detector: Detector, batches: Generator[list[View]], peak_rate: float, duration_s: float) -> dict[str, float]:
    """Change `detector` in place, printing a line every 20 s; returns what was seen and the last mean losses."""
    optimizer = tf.keras.optimizers.AdamW(peak_rate, weight_decay=WEIGHT_DECAY, global_clipnorm=GRADIENT_NORM)
    variables = detector.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step(images: tf.Tensor, *targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        heat, care, boxes, weight = targets
        with tf.GradientTape() as tape:
            logits, sides = detector(tf.cast(images, tf.float32) / 127.5 - 1, training=True)
            losses = heat_loss(logits, heat, care), box_loss(sides, boxes, weight)
            total = losses[0] + BOX_WEIGHT * losses[1]
        optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        return losses

    began = logged = time.monotonic()
    recent: list[list[float]] = []
    steps, views = 0, 0
    report: dict[str, float] = {}
    while (elapsed := time.monotonic() - began) < duration_s:
        optimizer.learning_rate.assign(peak_rate * rate_share(elapsed / duration_s))
        drawn = next(batches)
        recent.append([float(loss) for loss in step(*_arrays(drawn))])
        steps, views = steps + 1, views + len(drawn)
        if time.monotonic() - logged >= LOG_EVERY_S:
            heat, box = (round(mean, 3) for mean in np.mean(recent, axis=0).tolist())
            report = {
                "minutes": round(elapsed / 60, 1),
                "steps": steps,
                "views": views,
                "heat": heat,
                "box": box,
            }
            print("  ".join(f"{name} {value}" for name, value in report.items()), flush=True)
            logged, recent = time.monotonic(), []
    return report


def rate_share(progress: float) -> float:
    """Of the peak rate, for `progress` 0..1 of the time: a short ramp, then half a cosine down to nothing."""
    if progress < WARM_UP_SHARE:
        return (progress + 0.001) / WARM_UP_SHARE
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _arrays(views: list[View]) -> tuple[np.ndarray, ...]:
    targets = [targets_of(view) for view in views]
    parts = ([getattr(t, name) for t in targets] for name in ("heat", "care", "boxes", "weight"))
    return (np.stack([view.image for view in views]), *(np.stack(part) for part in parts))
