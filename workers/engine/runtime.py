"""TensorFlow and OpenCV of this process: imported here first, with the threads that the plan gave this slot."""

import cv2
import tensorflow as tf


def prepare(threads: int) -> None:
    """Sets thread counts and leaves GPUs alone; must run before the first op of the process."""
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(threads)
    # Bad files are our user's everyday business and get a failure code; OpenCV need not shout about each.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
