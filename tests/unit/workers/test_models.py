"""Which models a slot lets go of. Of a base, the runtime's part is there once; what is above it is the model's own."""

import pytest

from contract.memory import MIB
from tests.support.builders import spec
from workers.engine.models import RUNTIME_BYTES, to_unload


def model(number: int, own_mib: int):
    return spec(
        f"model-{number}", base=f"{RUNTIME_BYTES // MIB + own_mib}m", per_image="0.001m", digest=f"sha256:{number:064}"
    )


def keyed(specs):
    return {(each.digest, False): each for each in specs}


@pytest.mark.parametrize(
    ("held_mib", "wanted_mib", "share_beyond_runtime_mib", "unloaded"),
    [
        ([], 100, 1700, 0),
        ([], 5000, 1700, 0),  # does not fit even alone: nothing to unload, admission says so elsewhere
        ([100], 100, 700, 0),
        ([500], 100, 700, 0),
        ([650], 100, 700, 1),
        ([300, 300], 300, 700, 1),
        ([300, 300], 100, 800, 0),
        ([50, 50, 600], 200, 700, 3),  # the oldest go first, although they free little
        ([600, 50, 50], 200, 700, 1),
        ([0, 0, 0], 600, 700, 0),  # a base below the runtime's frees nothing and costs nothing
    ],
)
def test_the_longest_unused_go_until_the_wanted_model_fits(held_mib, wanted_mib, share_beyond_runtime_mib, unloaded):
    held = [model(number, own_mib) for number, own_mib in enumerate(held_mib)]

    going = to_unload(keyed(held), model(99, wanted_mib), RUNTIME_BYTES + share_beyond_runtime_mib * MIB)

    assert going == list(keyed(held[:unloaded]))


def test_other_versions_of_the_wanted_model_go_first():
    used_long_ago, new, old = model(0, 300), model(1, 300), model(2, 300)
    old = old.model_copy(update={"name": "wanted", "version": "1"})
    wanted = model(99, 300).model_copy(update={"name": "wanted", "version": "2"})

    held = keyed([used_long_ago, new, old])

    assert to_unload(held, wanted, RUNTIME_BYTES + 1000 * MIB) == [(old.digest, False)]
    assert to_unload(held, wanted, RUNTIME_BYTES + 700 * MIB) == [(old.digest, False), (used_long_ago.digest, False)]


def test_the_same_model_in_another_precision_goes_before_other_models():
    other, fast = model(0, 300), model(1, 300)
    held = {(other.digest, False): other, (fast.digest, False): fast}

    assert to_unload(held, fast, RUNTIME_BYTES + 1000 * MIB) == []
    assert to_unload(held, fast, RUNTIME_BYTES + 700 * MIB) == [(fast.digest, False)]


def test_one_image_of_the_size_that_the_model_is_meant_for_has_its_place_too():
    held = [model(0, 300)]
    share_bytes = (RUNTIME_BYTES // MIB + 300 + 100 + 80) * MIB

    fits = spec("wanted", base=f"{RUNTIME_BYTES // MIB + 100}m", per_image="80m")
    too_much = spec("wanted", base=f"{RUNTIME_BYTES // MIB + 100}m", per_image="81m")
    by_size = spec(
        "wanted", base=f"{RUNTIME_BYTES // MIB + 100}m", per_image="41m", per_megapixel_bytes=20 * MIB, megapixels=2.0
    )

    assert to_unload(keyed(held), fits, share_bytes) == []
    assert to_unload(keyed(held), too_much, share_bytes) == list(keyed(held))
    assert to_unload(keyed(held), by_size, share_bytes) == list(keyed(held))
