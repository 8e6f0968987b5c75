"""The memory ladder as a table: what failed, under which circumstances, and what follows for which images."""

from dataclasses import replace
from typing import get_args

import pytest

from contract.ledger.records import Verdict
from contract.messages import ImageRef
from workers.ladder import Circumstances, Mishap, changed, outcome

LEFT = tuple(ImageRef(index=index, name=f"{index}.jpg", uri=f"/images/{index}.jpg") for index in range(64))
BATCH_16 = frozenset(range(16))
BATCH_5 = frozenset(range(5))
ALONE = frozenset({7})

HERE = Circumstances(attempt=1, attempts_max=20, batch_size=16)
BIGGER = replace(HERE, bigger_queue="detect.any.8g")
COARSER = replace(HERE, may_coarsen=True)
LATE = replace(HERE, attempt=3)
LAST = replace(HERE, attempt=20)


def mishap(verdict: Verdict, batch: frozenset[int] = frozenset(), **more) -> Mishap:
    return Mishap(verdict, "what was seen", batch=batch, **more)


@pytest.mark.parametrize(
    ("what", "now", "step", "offenders", "text"),
    [
        # memory: smaller, and only the failing batch
        (mishap("memory", BATCH_16), HERE, "smaller", BATCH_16, "batch 16 → 8"),
        (mishap("memory", BATCH_5), HERE, "smaller", BATCH_5, "batch 5 → 2"),
        (mishap("memory", BATCH_16), BIGGER, "smaller", BATCH_16, "batch 16 → 8"),
        # memory, alone: bigger before coarser before dead
        (mishap("memory", ALONE), replace(BIGGER, may_coarsen=True), "bigger", ALONE, "→ detect.any.8g"),
        (mishap("memory", ALONE), COARSER, "coarser", ALONE, "side 1/1 → 1/2"),
        (mishap("memory", ALONE), HERE, "dead", ALONE, "given up: does not fit alone"),
        # memory, but not this process' doing, or nothing known of the batch
        (mishap("memory", BATCH_16, victim=True), HERE, "again", set(), "another process took the memory"),
        (mishap("memory"), HERE, "again", set(), "put back unchanged"),
        # the model itself does not fit: no batch would help
        (mishap("memory", stage="load"), BIGGER, "bigger", range(64), "→ detect.any.8g"),
        (mishap("memory", stage="load"), COARSER, "dead", range(64), "no live worker has more memory"),
        # death for another reason: halve until the image that does it is alone
        (mishap("crash", BATCH_16), BIGGER, "smaller", BATCH_16, "batch 16 → 8"),
        (mishap("crash", ALONE), BIGGER, "again", ALONE, "put back unchanged"),
        (mishap("crash"), HERE, "again", set(), "put back unchanged"),
        (mishap("timeout", BATCH_16), HERE, "smaller", BATCH_16, "batch 16 → 8"),
        (mishap("timeout", ALONE), HERE, "again", ALONE, "put back unchanged"),
        # unexplained: the machine's fault at first, the batch's from the third time on
        (mishap("lost"), HERE, "again", set(), "put back unchanged"),
        (mishap("lost"), LATE, "smaller", range(64), "batch 16 → 8"),
        (mishap("lost"), replace(LATE, batch_size=1), "again", set(), "put back unchanged"),
        # in a run with other tasks: nobody knows whose images it was, and their numbers are not the indexes
        (mishap("memory", BATCH_16, shared=True), BIGGER, "again", set(), "it ran together with others"),
        (mishap("memory", stage="load", shared=True), BIGGER, "again", set(), "it ran together with others"),
        (mishap("crash", ALONE, shared=True), HERE, "again", set(), "it ran together with others"),
        (mishap("model", shared=True), HERE, "again", set(), "it ran together with others"),
        # elsewhere it may run
        (mishap("cpu", BATCH_16), HERE, "again", set(), "put back unchanged"),
        # it would fail the same way again
        (mishap("model"), BIGGER, "dead", range(64), "it would fail again"),
    ],
)
def test_one_step_of_the_ladder(what, now, step, offenders, text):
    then = outcome(what, LEFT, now)

    assert then.step == step
    assert {image.index for image in then.offenders} == set(offenders)
    assert text in then.text


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_whatever_the_verdict_attempts_are_bounded(verdict):
    then = outcome(mishap(verdict, BATCH_16), LEFT, replace(LAST, bigger_queue="detect.any.8g", may_coarsen=True))

    assert then.step == "dead"
    assert then.offenders == LEFT
    assert then.text == "given up after 20 attempts"


@pytest.mark.parametrize("verdict", get_args(Verdict))
@pytest.mark.parametrize("batch", [frozenset(), ALONE, BATCH_16])
@pytest.mark.parametrize("now", [HERE, BIGGER, COARSER, LATE])
def test_every_case_has_a_step_that_touches_only_images_that_are_left(verdict, batch, now):
    then = outcome(mishap(verdict, batch), LEFT, now)

    assert set(then.offenders) <= set(LEFT)


def test_the_offenders_come_back_capped_at_half():
    smaller = changed(outcome(mishap("memory", BATCH_16), LEFT, HERE))

    assert [image.index for image in smaller] == list(range(16))
    assert {image.batch_cap for image in smaller} == {8}


def test_a_coarser_image_is_halved_up_to_an_eighth():
    image = LEFT[7]
    sides = []
    while (then := outcome(mishap("memory", ALONE), [image], COARSER)).step == "coarser":
        (image,) = changed(then)
        sides.append(image.shrink)

    assert sides == [2, 4, 8]
    assert then.step == "dead"


def test_an_image_that_kills_twice_alone_is_dead():
    first = outcome(mishap("crash", ALONE), LEFT, HERE)
    (image,) = changed(first)

    assert image.lone_deaths == 1
    assert outcome(mishap("crash", ALONE), [image], HERE).step == "dead"


def test_a_poison_image_is_alone_after_a_logarithm_of_deaths():
    poison, left, deaths, cap = 7, list(LEFT), 0, 16
    while True:
        start = poison // cap * cap
        batch = frozenset(image.index for image in left if start <= image.index < start + cap)
        then = outcome(mishap("crash", batch), left, HERE)
        deaths += 1
        if then.step == "dead":
            break
        replaced = {image.index: image for image in changed(then)}
        left = [replaced.get(image.index, image) for image in left]
        cap = then.batch_cap or cap

    assert [image.index for image in then.offenders] == [poison]
    assert deaths == 6  # 16, 8, 4, 2, 1, 1


def test_on_a_bigger_machine_the_image_starts_afresh():
    capped = LEFT[7].model_copy(update={"batch_cap": 1})

    (moved,) = changed(outcome(mishap("memory", ALONE), [capped], BIGGER))

    assert moved.batch_cap is None
