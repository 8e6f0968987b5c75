"""The proof itself: a program of its own, also to be run by hand on a machine that misbehaves.

Prints one JSON line before each stage and one after it; the stage without a second line is the one that failed, and an
exception's traceback, or what a dying library wrote, is on stderr. Needs no model, no Redis, and 0.6 GB of memory.
With --facts it lets TensorFlow say on stderr all that it has to say, and tells at the end what TensorFlow it is; a
starting worker needs neither.
"""

import faulthandler
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Final


def import_numpy() -> str:
    import numpy

    return numpy.__version__


def run_numpy() -> None:
    import numpy as np

    ones = np.ones((64, 64), np.float32)
    _expect(float((ones @ ones).sum()), 64**3)


def import_tensorflow() -> str:
    import tensorflow as tf

    return str(tf.__version__)


def run_tensorflow() -> None:
    """A convolution and a matrix product: the kernels that oneDNN and Eigen choose by CPU."""
    import tensorflow as tf

    convolved = tf.nn.conv2d(tf.ones((1, 16, 16, 8)), tf.ones((3, 3, 8, 16)), strides=1, padding="VALID")
    _expect(float(tf.reduce_sum(convolved)), 14 * 14 * 16 * (3 * 3 * 8))
    _expect(float(tf.reduce_sum(tf.matmul(tf.ones((64, 64)), tf.ones((64, 64))))), 64**3)


def describe_tensorflow() -> dict[str, object]:
    """How it was built, and whether oneDNN's kernels are in use; what this TensorFlow cannot tell is left out."""
    import tensorflow as tf

    facts: dict[str, object] = {"build": dict(tf.sysconfig.get_build_info())}
    try:
        from tensorflow.python.util import _pywrap_util_port  # nothing public says it

        facts["onednn"] = bool(_pywrap_util_port.IsMklEnabled())
    except (ImportError, AttributeError):
        pass
    return facts


def import_cv2() -> str:
    import cv2

    return str(cv2.__version__)


def run_cv2() -> None:
    import cv2
    import numpy as np

    grey = np.full((32, 48, 3), 128, np.uint8)
    for suffix in (".jpg", ".png"):
        decoded = cv2.imdecode(cv2.imencode(suffix, grey)[1], cv2.IMREAD_COLOR)
        _expect(decoded is not None and decoded.shape, grey.shape)


def _expect(computed: object, right: object) -> None:
    if computed != right:
        raise ArithmeticError(f"computed {computed} instead of {right}")


#: In order: Keras imports cv2 behind TensorFlow's back, so cv2 comes first, or its failure would pass as TensorFlow's.
#: Named as in `workers.preflight.evidence`; an import answers with the package's version.
STAGES: Final[dict[str, Callable[[], str | None]]] = {
    "numpy import": import_numpy,
    "numpy op": run_numpy,
    "cv2 import": import_cv2,
    "cv2 op": run_cv2,
    "tensorflow import": import_tensorflow,
    "tensorflow op": run_tensorflow,
}


def main() -> None:
    faulthandler.disable()  # a signal must be seen as that signal
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))  # no 2 GB core files
    wants_facts = "--facts" in sys.argv[1:]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if wants_facts else "2")
    report = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints stays out of the report
    for name, stage in STAGES.items():
        print(json.dumps({"stage": name, "state": "begun"}), file=report)
        begun_s = time.monotonic()
        version = stage()
        seconds = round(time.monotonic() - begun_s, 3)
        print(json.dumps({"stage": name, "state": "done", "seconds": seconds, "version": version}), file=report)
    if wants_facts:
        print(json.dumps({"facts": describe_tensorflow()}, default=str), file=report)
    report.close()
    os._exit(0)  # a library that crashes while the interpreter is taken down has proved enough


if __name__ == "__main__":
    main()
