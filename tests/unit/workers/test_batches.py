import random

import pytest

from contract.messages import ImageRef
from workers.batches import Readable, planned_batches

WIDE, TALL = (64, 48), (48, 64)


def readable(name, size, **fields):
    image = ImageRef(index=0, name=name, uri=f"/images/{name}", **fields)
    return Readable(image, width_px=size[0], height_px=size[1])


def names(batches):
    return ["".join(each.image.name for each in batch) for batch in batches]


@pytest.mark.parametrize(
    ("items", "batch_size", "batches"),
    [
        ([], 8, []),
        ([("a", WIDE)], 8, ["a"]),
        ([("a", WIDE), ("b", WIDE), ("c", WIDE)], 2, ["ab", "c"]),
        ([("a", WIDE), ("b", TALL), ("c", WIDE), ("d", TALL)], 8, ["ac", "bd"]),
        ([("a", TALL), ("b", WIDE), ("c", TALL), ("d", TALL)], 2, ["ac", "d", "b"]),
        ([("a", WIDE), ("b", TALL)], 1, ["a", "b"]),
    ],
)
def test_batches_have_one_size_and_the_order_of_first_appearance(items, batch_size, batches):
    assert names(planned_batches([readable(*item) for item in items], batch_size)) == batches


def test_batches_of_any_sizes_have_those_of_one_beside_each_other():
    items = [("a", WIDE), ("b", TALL), ("c", WIDE), ("d", TALL), ("e", WIDE)]

    assert names(planned_batches([readable(*item) for item in items], 4, alike=False)) == ["bdac", "e"]


def test_suspects_come_last_in_batches_no_larger_than_their_cap():
    images = [
        readable(name, WIDE, batch_cap=cap) for name, cap in zip("abcdefg", (1, 2, 2, 2, None, None, 9), strict=True)
    ]

    assert names(planned_batches(images, 8)) == ["efg", "bc", "d", "a"]


def test_images_decoded_at_different_scales_are_of_different_sizes():
    images = [readable("a", WIDE), readable("b", WIDE, shrink=2)]

    assert names(planned_batches(images, 8)) == ["a", "b"]
    assert [image.megapixels for image in images] == [64 * 48 / 1e6, 32 * 24 / 1e6]


def test_every_image_is_in_exactly_one_batch():
    draw = random.Random(0)
    for _ in range(200):
        sizes = [(draw.randrange(1, 5), 1) for _ in range(draw.randrange(40))]
        batch_size = draw.randrange(1, 9)

        batches = planned_batches([readable(str(n), size) for n, size in enumerate(sizes)], batch_size)

        assert sorted(int(each.image.name) for batch in batches for each in batch) == list(range(len(sizes)))
        assert all(len(batch) <= batch_size and len({each.width_px for each in batch}) == 1 for batch in batches)
        # and no more calls of the model than it takes
        assert len(batches) == sum(-(-sizes.count(size) // batch_size) for size in set(sizes))
