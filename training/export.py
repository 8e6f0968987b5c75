"""Export the two demo models: python -m training.export --work DIR --store workers/bundled

Both have the signature of a TensorFlow Object Detection API export and the same network; they differ in what they see:

    defects-small   the plate with its longer side at 320 px, resized inside the graph: cheap, the same for every image
    defects-large   the plate as it is: finds pinholes, costs memory and time by the megapixel
"""

import argparse
import shutil
from pathlib import Path

import tensorflow as tf

from training import weights
from training.detections import detections
from training.names import INPUT_NAME, LARGE, SIGNATURE_KEY, SMALL, VERSION
from training.net import PADDING_MULTIPLE, Detector
from training.views import PADDING_GREY, VIEW_PX


class Model(tf.Module):
    """input_tensor uint8 [B, H, W, 3] RGB, any B, H and W >= 1 -> the outputs of `detections`."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, INPUT_NAME)])
    def __call__(self, input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        seen = self.see(input_tensor)
        seen_px = tf.shape(seen)[1:3]
        logits, sides = self.detector(tf.cast(self.pad(seen), tf.float32) / 127.5 - 1)
        return detections(logits, sides, seen_px)

    def see(self, images: tf.Tensor) -> tf.Tensor:
        return images

    def pad(self, images: tf.Tensor) -> tf.Tensor:
        """Grey below and to the right, up to the next multiple the network can halve five times."""
        size = tf.shape(images)[1:3]
        return _pad_to(images, (size + PADDING_MULTIPLE - 1) // PADDING_MULTIPLE * PADDING_MULTIPLE)


class SmallModel(Model):
    def see(self, images: tf.Tensor) -> tf.Tensor:
        """float32: the longer side at 320 px, the other in proportion."""
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        scaled = tf.cast(tf.round(size * VIEW_PX / tf.reduce_max(size)), tf.int32)
        return tf.image.resize(images, tf.maximum(scaled, 1), antialias=True)

    def pad(self, images: tf.Tensor) -> tf.Tensor:
        padded = _pad_to(images, tf.constant([VIEW_PX, VIEW_PX]))
        return tf.ensure_shape(padded, [None, VIEW_PX, VIEW_PX, 3])


KINDS: dict[str, type[Model]] = {SMALL: SmallModel, LARGE: Model}


def export(work: Path, store: Path) -> list[Path]:
    """Write every model to <store>/<name>/1, replacing what was there; returns the directories."""
    written = []
    for name, kind in KINDS.items():
        directory = store / name / VERSION
        shutil.rmtree(directory, ignore_errors=True)
        model = kind(weights.load(work / f"{name}.npz"))
        # Without the stripper the graph carries the path of every source file it was traced from.
        options = tf.saved_model.SaveOptions(experimental_debug_stripper=True)
        tf.saved_model.save(model, str(directory), signatures={SIGNATURE_KEY: model.__call__}, options=options)
        (directory / "assets").rmdir()
        written.append(directory)
    return written


def _pad_to(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    missing = size - tf.shape(images)[1:3]
    grey = tf.cast(PADDING_GREY, images.dtype)
    return tf.pad(images, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]], constant_values=grey)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="the directory training.train wrote to")
    parser.add_argument("--store", type=Path, required=True, help="the model store to write to")
    options = parser.parse_args()
    for directory in export(options.work, options.store):
        size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
        print(f"wrote {directory}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
