"""Texts as TensorFlow 2.21, NumPy 2, OpenCV and the kernel wrote them on machines with short memory."""

import errno

import cv2
import numpy as np
import pytest

from workers.verdict import describe_error, verdict_of


class ResourceExhaustedError(Exception):
    """TensorFlow's own has this name; importing TensorFlow for it would take seconds."""


class AbortedError(Exception):
    pass


class InvalidArgumentError(Exception):
    pass


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((1 << 20, 1 << 20), np.dtype(np.uint8)),
        ResourceExhaustedError("{{function_node __wrapped__Conv2D}} failed to allocate"),
        ResourceExhaustedError(
            "OOM when allocating tensor with shape[64,512,512,32] and type float on "
            "/job:localhost/replica:0/task:0/device:CPU:0 by allocator cpu [Op:Conv2D]"
        ),
        AbortedError(
            "Operation received an exception:Status: 1, message: could not create a memory object, in file "
            "tensorflow/core/kernels/mkl/mkl_conv_ops.cc:1112"
        ),
        InvalidArgumentError("std::bad_alloc"),
        RuntimeError("Failed to allocate memory for the buffer"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError(errno.ENOMEM, "Nicht genügend Hauptspeicher verfügbar"),
        ImportError("libtensorflow_framework.so.2: failed to map segment from shared object: Cannot allocate memory"),
        cv2.error(
            "OpenCV(4.11.0) /io/opencv/modules/core/src/alloc.cpp:73: error: (-4:Insufficient memory) "
            "Failed to allocate 3600000000 bytes in function 'OutOfMemoryError'"
        ),
        RuntimeError("CUDA-less, but Out Of Memory all the same"),
        ValueError("Unable to allocate 8.00 GiB for an array with shape (1073741824,) and data type float64"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:60],
)
def test_memory_by_kind_by_number_or_by_text(error):
    assert verdict_of(error) == "memory"


@pytest.mark.parametrize(
    "error",
    [
        InvalidArgumentError("Incompatible shapes: [1,64,64,3] vs. [1,32,32,3] [Op:Add]"),
        ValueError("could not broadcast input array from shape (3,) into shape (4,)"),
        OSError(errno.ENOSPC, "No space left on device"),
        KeyError("detection_boxes"),
        RuntimeError(""),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:60],
)
def test_anything_else_is_the_models(error):
    assert verdict_of(error) == "model"


def test_a_cause_counts_as_much_as_what_was_made_of_it():
    wrapped, cleaning_up = RuntimeError("the model could not be loaded"), KeyError("cleaning up")
    wrapped.__cause__ = MemoryError()
    cleaning_up.__context__ = ResourceExhaustedError("OOM")
    cleaning_up.__suppress_context__ = True  # `from None`: hidden from people, not from us

    assert verdict_of(wrapped) == verdict_of(cleaning_up) == "memory"


def test_a_chain_that_bites_its_tail_ends():
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first

    assert verdict_of(first) == "model"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first line\nsecond line"), "ValueError: first line"),
        (ValueError("\n  indented\n"), "ValueError: indented"),
        (MemoryError(), "MemoryError: no text"),
        # What TensorFlow's graphs say begins alike, whatever went wrong.
        (
            InvalidArgumentError(
                "Graph execution error:\n\nDetected at node strided_slice defined at (most recent call last):\n"
                "<stack traces unavailable>\nIndex out of range using input dim 3; input has only 3 dims\n"
                "\t [[{{node strided_slice}}]] [Op:__inference_signature_wrapper_detect_290]"
            ),
            "InvalidArgumentError: Index out of range using input dim 3; input has only 3 dims",
        ),
        (InvalidArgumentError("Graph execution error:\n"), "InvalidArgumentError: Graph execution error:"),
        (ValueError("x" * 500), "ValueError: " + "x" * 188),
    ],
)
def test_a_description_is_one_line_of_at_most_200_characters(error, line):
    assert describe_error(error) == line
    assert len(line) <= 200
