"""Which jobs the producers submit. Pure: a seed in, an endless stream of orders out."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from contract.messages import FailureCode

#: Images of one size, of all kinds and sizes, broken files, one that a model raises on, one of 100 megapixels.
Image = Literal["plain", "mixed", "bad", "poison", "huge"]
#: Model to what may be in its jobs. Only images of one size fill a batch, and only large batches overfill memory.
MODELS: Final[dict[str, tuple[Image, ...]]] = {
    "tiny": ("plain", "mixed", "mixed", "bad"),
    "greedy": ("plain",),
    "slow": ("plain", "mixed", "bad"),
    "raises": ("plain", "plain", "plain", "poison"),
}
_OFTEN: Final = (*MODELS, "tiny", "tiny", "slow")
_BATCHES: Final = (1, 2, 4, 8, 16)
_HUGE_EVERY: Final = 8
_IMAGES: Final = (4, 48)


@dataclass(frozen=True)
class Order:
    model: str
    batch_size: int
    images: tuple[Image, ...]
    allow_degraded: bool
    #: Seed of which files are taken.
    pick: int


@dataclass(frozen=True)
class Picture:
    path: Path
    #: None when it should be processed.
    code: FailureCode | None = None


@dataclass(frozen=True)
class Asked:
    """One image of a job, as it was submitted."""

    name: str
    picture: Picture


@dataclass(frozen=True)
class Submitted:
    job: str
    model: str
    images: Sequence[Asked]


def orders(seed: int, producer: int) -> Iterator[Order]:
    draw = random.Random(f"orders {seed} {producer}")
    while True:
        model = draw.choice(_OFTEN)
        images = draw.choices(MODELS[model], k=draw.randint(*_IMAGES))
        if model == "tiny" and draw.randrange(_HUGE_EVERY) == 0:
            images[draw.randrange(len(images))] = "huge"
        yield Order(
            model=model,
            batch_size=max(_BATCHES) if model == "greedy" else draw.choice(_BATCHES),
            images=tuple(images),
            allow_degraded=draw.random() < 0.5,
            pick=draw.getrandbits(32),
        )
