"""The images that jobs are made of, as files, and the code of those that should fail."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import PIL.Image

from tests.lab.chaos.orders import Asked, Image, Order, Picture
from tests.support.images import encode, scene, write_mixed_folder
from tests.support.tiny_model import POISON

_PLAIN: Final = 64
_MIXED: Final = 60
#: 100 megapixels, black: 12 KB on disk and more than the small machine has.
_HUGE_SIDE_PX: Final = 10_000


@dataclass(frozen=True)
class Stock:
    kinds: Mapping[Image, Sequence[Picture]]

    def images_for(self, order: Order) -> list[Asked]:
        draw = random.Random(order.pick)
        return [Asked(f"{index}-{kind}", draw.choice(self.kinds[kind])) for index, kind in enumerate(order.images)]


def make_stock(folder: Path, outside: Path) -> Stock:
    """Written below `folder`; a link leads to a file in `outside`, which workers may not read."""
    outside.mkdir(parents=True)
    mixed = write_mixed_folder(folder / "mixed", outside, _MIXED)
    plain = [folder / f"{number}.png" for number in range(_PLAIN)]
    for number, path in enumerate(plain):
        path.write_bytes(encode(scene(seed=number), "PNG"))
    poisoned = scene(seed=_PLAIN)
    poisoned[0, 0, 0] = POISON
    poison, huge = folder / "poison.png", folder / "huge.png"
    poison.write_bytes(encode(poisoned, "PNG"))
    PIL.Image.new("L", (_HUGE_SIDE_PX, _HUGE_SIDE_PX)).save(huge, compress_level=9)
    return Stock(
        {
            "plain": [Picture(path) for path in plain],
            "mixed": [Picture(path) for path, code in mixed.items() if code is None],
            "bad": [Picture(path, code) for path, code in mixed.items() if code is not None],
            "poison": [Picture(poison, "model_failed")],
            "huge": [Picture(huge)],
        }
    )
