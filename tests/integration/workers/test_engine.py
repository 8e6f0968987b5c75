"""The models of a slot, with real SavedModels in this process."""

import gc
import weakref

import numpy as np
import pytest

from contract.errors import ModelBroken
from contract.memory import MIB
from contract.model_io import Signature
from contract.model_spec import FILE_NAME, read_spec
from contract.settings import load_settings
from tests.support.tiny_model import build_tiny_model
from workers.engine.models import RUNTIME_BYTES, LoadedModels
from workers.store import ModelStore

pytestmark = pytest.mark.integration

#: What each model claims for itself, above the runtime that both share.
OWN_BYTES = 100 * MIB
TWO_PIXELS = np.zeros((2, 4, 8, 3), np.uint8)
TWO_PIXELS[1, 1:3, 2:6] = 255


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    directory = tmp_path_factory.mktemp("store")
    for name in "abc":
        build_tiny_model(directory, name, base_bytes=RUNTIME_BYTES + OWN_BYTES)
    return ModelStore(load_settings(model_store=directory))


@pytest.fixture
def get(store):
    def holding(models: int):
        loaded = LoadedModels(store, RUNTIME_BYTES + models * OWN_BYTES + 5 * MIB)
        return lambda name: loaded.get(f"{name}@1", read_spec(store.root / name / "1" / FILE_NAME).digest)

    return holding


def test_a_model_is_loaded_once(get):
    get = get(2)

    first = get("a")

    assert get("b") is not first
    assert get("a") is first


def test_the_least_recently_used_goes_when_a_third_comes_and_its_memory_with_it(get):
    get = get(2)
    a, b = get("a"), weakref.ref(get("b"))
    assert get("a") is a

    get("c")

    gc.collect()
    assert b() is None
    assert get("a") is a


def test_a_model_that_was_unloaded_is_loaded_again(get):
    get = get(1)
    first = weakref.ref(get("a"))
    get("b")

    again = get("a")

    gc.collect()
    assert first() is None
    assert [len(raw.boxes) for raw in again.detect(TWO_PIXELS)] == [0, 1]


def test_a_call_gives_each_image_its_own_boxes(get):
    dark, bright = get(1)("a").detect(TWO_PIXELS)

    assert len(dark.scores) == 0
    assert bright.boxes.tolist() == [[0.25, 0.25, 0.75, 0.75]]
    assert bright.scores.tolist() == pytest.approx([0.9])
    assert bright.class_ids.tolist() == [1]


def test_a_signature_of_one_image_gets_one_at_a_time(store):
    from workers.engine.saved_model import SavedModel

    spec = read_spec(store.root / "a" / "1" / FILE_NAME)
    one = SavedModel(store.root / "a" / "1", spec.model_copy(update={"signature": Signature(batch="one")}))
    sizes = []
    call = one._call
    one._call = lambda images: sizes.append(images.shape[0]) or call(images)

    assert [len(raw.boxes) for raw in one.detect(TWO_PIXELS)] == [0, 1]
    assert sizes == [1, 1]


@pytest.mark.parametrize(
    ("signature", "says"),
    [(Signature(key="predict"), "predict"), (Signature(input="image"), "image")],
    ids=["key", "input"],
)
def test_a_signature_that_is_not_there_is_named(store, signature, says):
    from workers.engine.saved_model import SavedModel

    spec = read_spec(store.root / "a" / "1" / FILE_NAME)

    with pytest.raises(ModelBroken, match=says):
        SavedModel(store.root / "a" / "1", spec.model_copy(update={"signature": signature}))
