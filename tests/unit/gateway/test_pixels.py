"""Pixels that become files."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest

from producer.errors import InvalidArgument
from producer.gateway.pixels import image_of_rows, images_of_tensor, tensor_of_numbers
from workers.images.decode import decode_rgb

PIXELS = np.arange(2 * 5 * 4 * 3, dtype=np.uint8).reshape(2, 5, 4, 3)


def seen(encoded: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(encoded)))


def test_nested_lists_are_the_image_that_they_show() -> None:
    encoded = image_of_rows(PIXELS[0].tolist(), "instance 0")

    assert np.array_equal(seen(encoded), PIXELS[0])
    assert image_of_rows(PIXELS[0].astype(float).tolist(), "instance 0") == encoded
    assert np.array_equal(decode_rgb(encoded), PIXELS[0]), "and so a worker decodes them"


def test_a_tensor_is_cut_into_its_images() -> None:
    first, second = images_of_tensor(PIXELS.tobytes(), PIXELS.shape, "inputs.0")
    [alone] = images_of_tensor(PIXELS[1].tobytes(), PIXELS[1].shape, "inputs.0")

    assert np.array_equal(seen(first), PIXELS[0])
    assert np.array_equal(seen(second), PIXELS[1])
    assert alone == second


@pytest.mark.parametrize("data", [PIXELS.tolist(), PIXELS.ravel().tolist(), PIXELS.astype(float).tolist()])
def test_numbers_are_read_in_order_however_they_are_nested(data: list[Any]) -> None:
    assert tensor_of_numbers(data, "inputs.0.data") == PIXELS.tobytes()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("text", "expected pixels"),
        ([], "expected pixels"),
        ([[]], "expected pixels"),
        ([7], "expected pixels"),
        ([[[0, 0, 0]], [[0, 0, 0], [0, 0, 0]]], "its first row has 1 pixels"),
        ([[[0, 0, 0]], 7], "its first row has 1 pixels"),
        ([[[0, 0, 0, 0]]], "expected pixels"),
        ([[[0, 0, 256]]], "from 0 to 255"),
        ([[[0, 0, 0.5]]], "whole numbers"),
        ([[[0, 0, None]]], "expected pixels"),
        ([["abc"]], "expected pixels"),
        ([[7]], "expected pixels"),
    ],
)
def test_rows_that_are_no_image(rows: Any, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        image_of_rows(rows, "instance 0")


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ([], "expected"),
        ([5, 4], "expected"),
        ([1, 3, 5, 4], "expected"),
        ([0, 5, 4, 3], "expected"),
        ([-1, -5, 4, 3], "expected"),
        ([1, 1, 5, 4, 3], "expected"),
        ([3, 5, 4, 3], "is of 180 bytes, 120 came"),
    ],
)
def test_a_shape_that_does_not_fit(shape: list[int], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        images_of_tensor(PIXELS.tobytes(), shape, "inputs.0")


@pytest.mark.parametrize(
    "data", ["text", None, [256], [[1], 2], [[1], "x"], [1.5], [["x"]], ["x"], [[1], 0], [[1], {}], [[1], {"a": 1}]]
)
def test_numbers_that_are_no_bytes(data: Any) -> None:
    with pytest.raises(InvalidArgument, match="expected pixels"):
        tensor_of_numbers(data, "inputs.0.data")
