"""What a real detector finds on 12 megapixels, decoded as they are and as coarsely as it does not see."""

from pathlib import Path

import pytest

import workers
from benchmarks.coarse import alike, photographs, run
from contract.model_spec import FILE_NAME, read_spec
from training.names import SMALL, VERSION
from training.plates import held_out
from training.served import Served
from vedette.plates import render_plate
from workers.sight import divisor

pytestmark = pytest.mark.integration

STORE = Path(workers.__file__).parent / "bundled"
SIZE_PX = (4032, 3024)


def test_it_finds_the_same_within_the_tolerance():
    signature = read_spec(STORE / SMALL / VERSION / FILE_NAME).signature
    model = Served(STORE, SMALL)
    plates = [render_plate(seed, 960, 720) for seed in held_out(1, 6)]
    files = photographs(plates, SIZE_PX)
    coarse = divisor(signature, *SIZE_PX)
    assert coarse == 4

    pairs = zip(run(model, files, 1).answers, run(model, files, coarse).answers, strict=True)
    same, boxes = (sum(counts) for counts in zip(*(alike(one, other) for one, other in pairs), strict=True))

    assert boxes >= 10
    assert same == boxes
