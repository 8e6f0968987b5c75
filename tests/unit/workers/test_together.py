"""The claims of a run: numbers for their images, who is blamed for what, and what is recorded of each."""

from datetime import UTC, datetime

import pytest

from contract.ledger import Attempt, Claim
from tests.support.builders import found, image_refs, not_processed, options
from workers.ladder import Mishap
from workers.together import Claims, Tally


def claim(name: str, *images: int) -> Claim:
    refs = tuple(image_refs(1, start=index)[0] for index in images)
    return Claim(f"job-{name}", name, 1, "detect.any.1g", 8, options(), refs)


A, B, C = claim("a", 0, 5), claim("b", 0), claim("c", 5, 6, 7)
TOGETHER = Claims(A, [B, C])


def test_alone_an_images_number_is_its_index():
    alone = Claims(C)

    assert not alone.shared
    assert alone.images == C.images
    assert alone.by_claim([(7, "x"), (5, "y")]) == [(C, [(7, "x"), (5, "y")])]
    assert alone.of(6) is C


def test_together_each_has_a_number_and_keeps_its_name():
    assert [image.index for image in TOGETHER.images] == list(range(6))
    assert [image.name for image in TOGETHER.images] == [image.name for each in (A, B, C) for image in each.images]
    assert [TOGETHER.of(number).task for number in range(6)] == ["a", "a", "b", "c", "c", "c"]


def test_what_is_told_by_number_comes_to_each_claim_by_index():
    told = TOGETHER.by_claim([(4, "c6"), (0, "a0"), (3, "c5"), (1, "a5")])

    assert told == [(A, [(0, "a0"), (5, "a5")]), (C, [(6, "c6"), (5, "c5")])]


def mishap(*batch: int, **more) -> Mishap:
    return Mishap("memory", "what was seen", batch=frozenset(batch), **more)


@pytest.mark.parametrize(
    ("what", "blamed"),
    [
        # (shared, batch) of a, b and c
        pytest.param(mishap(), [(True, set())] * 3, id="nobody knows"),
        pytest.param(mishap(1, 2), [(True, {1, 2})] * 3, id="images of several: as many as there were"),
        pytest.param(mishap(3, 5), [(True, set()), (True, set()), (False, {5, 7})], id="images of one, by index"),
        pytest.param(mishap(2), [(True, set()), (False, {0}), (True, set())], id="the only image of one"),
        pytest.param(mishap(stage="load"), [(False, set())] * 3, id="the model, for all alike"),
    ],
)
def test_who_is_blamed(what, blamed):
    told = TOGETHER.blamed(what)

    assert [each for each, _ in told] == [A, B, C]
    assert [(each.shared, each.batch) for _, each in told] == blamed


def test_the_last_results_of_a_claim_are_told_by_how_many_there_are():
    tally = Tally()
    three = [(index, found()) for index in (5, 6, 7)]
    assert tally.ends_with(C, three)
    assert not tally.ends_with(C, three[:2])

    tally.add(C, [(5, not_processed("00005.jpg")), *three[1:2]])

    assert tally.of(C) == (1, 1)
    assert tally.ends_with(C, three[2:])
    assert not tally.ends_with(B, [])


def test_the_attempt_at_a_claim_that_is_done():
    ended = datetime(2026, 1, 1, tzinfo=UTC)

    assert Tally(peak_bytes=300).attempt(C, "w@yard", ended) == Attempt(
        attempt=1, worker="w@yard", batch_size=8, ended=ended, peak_bytes=300
    )
    assert Tally().attempt(C, "w@yard", ended).peak_bytes is None  # nobody could look


def test_alone_a_mishap_is_ones_own():
    what = mishap(5, 6)

    assert Claims(C).blamed(what) == [(C, what)]
