"""Boxes find their way back from what a model was fed."""

import cv2
import numpy as np
import pytest

from contract.model_io import Signature
from workers.engine.feed import Feed
from workers.engine.geometry import Geometry, corners, fitted

#: Height and width: wide, tall, tiny, a line, alike, larger, just not square.
SIZES = [(48, 400), (400, 48), (5, 3), (1, 90), (64, 64), (900, 700), (99, 101)]


def test_an_image_without_a_size_to_be_brought_to_stays_as_it_is():
    assert fitted(48, 64, None, "letterbox") == Geometry((48, 64), (48, 64))


@pytest.mark.parametrize(
    ("fit", "content", "offset"),
    [
        ("stretch", (100, 200), (0, 0)),
        ("letterbox", (100, 100), (0, 0)),
        ("letterbox_centred", (100, 100), (0, 50)),
    ],
)
def test_worked_a_square_in_a_wide_input(fit, content, offset):
    geometry = fitted(50, 50, (100, 200), fit)

    assert geometry == Geometry((100, 200), content, offset)
    # And the square's own lower right quarter comes back from where it was put.
    top, left = offset[0] + content[0] / 2, offset[1] + content[1] / 2
    there = np.array([[top, left, offset[0] + content[0], offset[1] + content[1]]], np.float32)
    assert geometry.to_image(there, "pixel").tolist() == [[0.5, 0.5, 1.0, 1.0]]
    as_fractions = there / np.array([100, 200, 100, 200], np.float32)
    assert geometry.to_image(as_fractions, "fraction").tolist() == [pytest.approx([0.5, 0.5, 1.0, 1.0])]


def test_fractions_of_an_image_that_fills_the_input_are_left_alone_to_the_bit():
    boxes = np.random.default_rng(1).random((7, 4), np.float32)

    assert fitted(333, 77, (640, 640), "stretch").to_image(boxes, "fraction") is boxes


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("fit", ["stretch", "letterbox", "letterbox_centred"])
def test_a_bright_box_is_found_back_within_a_pixel(size, fit):
    height, width = size
    image = np.zeros((height, width, 3), np.uint8)
    top, left, bottom, right = (
        height // 4,
        width // 3,
        max(height // 4 + 1, height * 3 // 4),
        max(width // 3 + 1, width),
    )
    image[top:bottom, left:right] = 255

    fed, geometry = Feed(Signature(size_px=(128, 128), fit=fit)).tensor(image[None])

    rows, columns = np.nonzero(fed[0, ..., 0] > 127)
    if not len(rows):  # so thin a line is gone once it is smaller than the input's pixels
        assert min(geometry.content_px[0] / height, geometry.content_px[1] / width) < 1
        return
    seen = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1], np.float32)
    back = geometry.to_image(seen, "pixel") * np.array([height, width] * 2)
    # A pixel of the image, or of the input where that is coarser.
    y_step, x_step = max(1, height / geometry.content_px[0]), max(1, width / geometry.content_px[1])
    assert np.all(np.abs(back - [top, left, bottom, right]) <= [y_step, x_step] * 2)


@pytest.mark.parametrize(
    ("order", "box"),
    [
        ("yxyx", (1, 2, 5, 8)),
        ("xyxy", (2, 1, 8, 5)),
        ("xywh", (2, 1, 6, 4)),
        ("cxcywh", (5, 3, 6, 4)),
    ],
)
def test_every_order_of_the_same_box(order, box):
    assert corners(np.array([[box]], np.float32), order).tolist() == [[[1, 2, 5, 8]]]


def images(count: int):
    return np.random.default_rng(0).integers(0, 256, (count, 6, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("batch", "sizes", "counts"),
    [("dynamic", [5], [5]), ("one", [1] * 5, [1] * 5), (2, [2, 2, 2], [2, 2, 1]), (8, [8], [5])],
)
def test_how_many_images_go_in_a_call(batch, sizes, counts):
    given = images(5)

    calls = list(Feed(Signature(batch=batch)).calls(given))

    assert [len(part) for part, _ in calls] == sizes
    assert [count for _, count in calls] == counts
    assert np.array_equal(np.concatenate([part[:count] for part, count in calls]), given)


def test_pixels_are_fed_without_a_copy():
    given = images(2)

    assert Feed(Signature()).tensor(given)[0] is given


def test_normalised_by_channel_and_padded_before():
    signature = Signature(
        input_dtype="float32", mean=(10, 20, 30), std=(2, 4, 5), size_px=(6, 16), fit="letterbox", pad=110
    )

    fed, _ = Feed(signature).tensor(images(2))

    assert fed.dtype == np.float32
    expected = (images(2).astype(np.float64) - [10, 20, 30]) / [2, 4, 5]
    assert fed[:, :, :8] == pytest.approx(expected, abs=1e-5)
    assert fed[:, :, 8:] == pytest.approx(np.broadcast_to([50, 22.5, 16], (2, 6, 8, 3)))


def test_channels_first():
    fed, _ = Feed(Signature(layout="nchw")).tensor(images(2))

    assert np.array_equal(fed, images(2).transpose(0, 3, 1, 2))


def test_an_encoded_image_decodes_to_the_same_pixels():
    fed, _ = Feed(Signature(input_dtype="encoded")).tensor(images(2))

    decoded = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for data in fed]
    assert np.array_equal(decoded, images(2))
