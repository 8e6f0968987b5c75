"""TensorFlow and OpenCV of this process: imported here first, with the threads that the plan gave this slot."""

import ctypes
import gc
import os
from contextlib import suppress
from typing import Final

import cv2
import tensorflow as tf

from contract.memory import MIB

#: mallopt of <malloc.h>. What glibc does by itself keeps freed tensors: an arena per thread, and blocks up to 32 MiB on
#: heaps, where they leave holes. With these, 8 images of a megapixel through `defects-large` peak at 626 to 677 MB
#: instead of 758, and peaks grow more evenly with the batch; on a busy machine calls showed no difference.
_MALLOC: Final = {
    -8: 2,  # M_ARENA_MAX
    -3: 16 * MIB,  # M_MMAP_THRESHOLD: larger blocks go back to the system when they are freed
    -1: 64 * MIB,  # M_TRIM_THRESHOLD: as glibc would have it by then
}


def prepare(threads: int) -> None:
    """Sets thread counts and leaves GPUs alone; must run before the first op of the process."""
    with suppress(OSError, AttributeError):  # a C library that is not glibc
        # Variables such as MALLOC_ARENA_MAX are read when a program starts, and a slot is forked, not started.
        libc = ctypes.CDLL(None)
        for parameter, value in _MALLOC.items():
            libc.mallopt(parameter, value)
    # Sessions have threads of their own inside of ops, as many as their plan says. Read when the first device is made.
    os.environ["TF_OVERRIDE_GLOBAL_THREADPOOL"] = "1"
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    # Calls that are made at once wait for each other where ops start on fewer threads than there are calls.
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    cv2.setNumThreads(threads)
    # Bad files are our user's everyday business and get a failure code; OpenCV need not shout about each.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def give_back() -> None:
    """Gives the system the memory that was freed: what made a model ready leaves hundreds of megabytes of it."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
