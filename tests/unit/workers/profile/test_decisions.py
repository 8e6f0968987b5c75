"""The smaller decisions of a profile: budget, plateau, how many calls, and what is concluded."""

import pytest

from contract.memory import GIB, MIB
from tests.support.builders import spec
from tests.unit.workers.profile.test_plan import walk
from workers.profile import Profile, ProfileFailed, with_profile
from workers.profile.best import plateau
from workers.profile.child import enough
from workers.profile.outcome import Ran
from workers.profile.plan import Taken
from workers.profile.profile import conclude
from workers.profile.watch import budget_for

RECORD = {"command": "profile it", "machine": "a CPU", "date": "2026-11-24"}


@pytest.mark.parametrize(
    ("free_bytes", "wanted_bytes", "budget_bytes"),
    [
        (20 * GIB, None, 16 * GIB),
        (20 * GIB, 4 * GIB, 4 * GIB),
        (2 * GIB, 4 * GIB, int(1.6 * GIB)),
        (320 * MIB, None, 256 * MIB),
    ],
)
def test_a_budget_leaves_the_machine_its_share(free_bytes, wanted_bytes, budget_bytes) -> None:
    assert budget_for(free_bytes, wanted_bytes) == budget_bytes


@pytest.mark.parametrize(("free_bytes", "wanted_bytes"), [(300 * MIB, None), (20 * GIB, 100 * MIB)])
def test_a_budget_that_does_not_hold_tensorflow_is_refused(free_bytes, wanted_bytes) -> None:
    with pytest.raises(ProfileFailed, match="TensorFlow alone needs 256 MiB"):
        budget_for(free_bytes, wanted_bytes)


@pytest.mark.parametrize(
    ("images_per_s", "best"),
    [
        ({1: 50.0, 2: 80.0, 8: 90.0}, 8),
        ({1: 50.0, 2: 86.0, 8: 90.0}, 2),
        ({1: 50.0, 2: 49.0}, 1),
        ({}, None),
    ],
)
def test_the_plateau(images_per_s, best) -> None:
    assert plateau(images_per_s) == best


@pytest.mark.parametrize(
    ("call_s", "is_enough"),
    [
        ([], False),
        ([1.0] * 5, False),
        ([1.0] * 6, True),
        ([0.1] * 9, False),
        ([31.0] * 1, False),
        ([31.0] * 2, True),
        ([0.0001] * 200, True),
    ],
)
def test_calls_are_repeated_until_they_tell_enough(call_s, is_enough) -> None:
    assert enough(call_s, repeat_s=1) is is_enough


def test_what_is_concluded_goes_into_the_spec() -> None:
    # Given a model that is twice as fast with two images, and not faster with more
    taken = [
        Taken(one.step, Ran(one.step.load, one.outcome.report, peak(one.step.load)))
        for one in walk(images_per_s=lambda batch: 25.0 * min(batch, 2))
    ]

    # When it is concluded what that says
    found = conclude(spec("fresh"), 2, taken, RECORD)

    # Then the smallest of the fast batches is the default, and the checks hold
    assert isinstance(found, Profile)
    assert found.throughput.default_batch == 2
    assert found.throughput.images_per_s["1"] == 25.0
    assert found.threads == 1  # just as fast here
    assert {check.load.batch for check in found.checks} == {4, 16}
    assert all(0 <= check.error < 0.05 for check in found.checks)
    assert found.memory.measured == RECORD

    # And the spec has it all
    known = with_profile(spec("fresh"), found)
    assert known.memory == found.memory
    assert known.throughput.default_batch == 2
    assert {(point.batch, point.threads) for point in known.profile} >= {(1, 2), (16, 2), (2, 1)}


def peak(load) -> int:
    return int(300e6 + load.batch * (5e6 + load.megapixels * 20e6))
