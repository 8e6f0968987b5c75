"""TensorFlow and OpenCV of this process: imported here first, with the threads that the plan gave this slot."""

import ctypes
from contextlib import suppress
from typing import Final

import cv2
import tensorflow as tf

#: Of <malloc.h>. One arena per thread is how glibc keeps freed tensors; two are enough and give memory back.
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2


def prepare(threads: int) -> None:
    """Sets thread counts and leaves GPUs alone; must run before the first op of the process."""
    with suppress(OSError, AttributeError):  # a C library that is not glibc
        # The variable MALLOC_ARENA_MAX is read when a program starts, and a slot is forked, not started.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(threads)
    # Bad files are our user's everyday business and get a failure code; OpenCV need not shout about each.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
