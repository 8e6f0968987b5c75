"""workers.profile.ways.order: which ways are timed, and which one is the plan. Models here are formulas."""

import pytest

from contract.engine_plan import PLAIN, EnginePlan
from contract.model_io import Signature
from workers.profile.ways.order import UNTIMED, Timed, choose, next_round

DYNAMIC, ONE, FOUR = Signature(), Signature(batch="one"), Signature(batch=4)


def streams(count, call_images=1, **more):
    return EnginePlan(streams=count, call_images=call_images, **more)


TWO, TWO_STACKED, FOUR_STREAMS = streams(2), streams(2, 4), streams(4)
FROZEN = EnginePlan(frozen=True)
TWO_FROZEN, TWO_STACKED_FROZEN = streams(2, frozen=True), streams(2, 4, frozen=True)
TWO_BF16, TWO_STACKED_BF16 = streams(2, frozen=True, bf16=True), streams(2, 4, frozen=True, bf16=True)


def rounds(speeds, *, threads=2, bf16=False, all_ways=False, signature=DYNAMIC, against=None):
    """Every round to the end; ways that `speeds` lacks are as fast as PLAIN's 10 images/s."""
    taken = []
    while ways := next_round(signature, threads, bf16=bf16, all_ways=all_ways, taken=taken):
        assert len(taken) < 5
        assert ways[0] == PLAIN
        taken.append({way: Timed(speeds.get(way, 10.0), (against or {}).get(way, "")) for way in ways})
    return taken


@pytest.mark.parametrize(
    ("speeds", "how", "timed"),
    [
        pytest.param({}, {"threads": 1}, [[PLAIN, FROZEN]], id="one thread: no streams"),
        pytest.param(
            {},
            {"threads": 2},
            [[PLAIN, TWO, TWO_STACKED], [PLAIN, FROZEN, TWO_FROZEN, TWO_STACKED_FROZEN]],
            id="streams of a frozen graph may pay where those of an exported one do not",
        ),
        pytest.param(
            {TWO: 15.0},
            {"threads": 3, "signature": ONE},
            [[PLAIN, TWO], [PLAIN, TWO, TWO_FROZEN]],
            id="powers of two up to the threads, and no stacks for a signature of one image",
        ),
        pytest.param(
            {TWO: 15.0, FOUR_STREAMS: 15.2},
            {"threads": 4, "signature": ONE},
            [[PLAIN, TWO, FOUR_STREAMS], [PLAIN, TWO, TWO_FROZEN, streams(4, frozen=True)]],
            id="fewer streams are as fast; once frozen, the most are tried too",
        ),
        pytest.param(
            {TWO: 15.0},
            {"all_ways": True},
            [[PLAIN, TWO, TWO_STACKED], [PLAIN, TWO, FROZEN, TWO_FROZEN, TWO_STACKED_FROZEN]],
            id="thorough",
        ),
        pytest.param(
            {TWO: 15.0, TWO_FROZEN: 20.0},
            {"bf16": True},
            [
                [PLAIN, TWO, TWO_STACKED],
                [PLAIN, TWO, TWO_FROZEN, TWO_STACKED_FROZEN],
                [PLAIN, TWO_FROZEN, TWO_BF16, TWO_STACKED_BF16],
            ],
            id="bfloat16 where the CPU has it",
        ),
    ],
)
def test_the_rounds(speeds, how, timed) -> None:
    assert [list(one) for one in rounds(speeds, **how)] == timed


def test_a_graph_that_cannot_be_frozen_is_not_tried_in_bfloat16() -> None:
    against = dict.fromkeys([TWO_FROZEN, TWO_STACKED_FROZEN], "its graph cannot be frozen")

    assert len(rounds({TWO: 15.0, TWO_FROZEN: 20.0}, bf16=True, against=against)) == 2


def test_a_round_that_did_not_fit_is_the_last() -> None:
    assert next_round(DYNAMIC, 2, bf16=True, all_ways=True, taken=[{}]) == ()
    assert choose([{}]) == UNTIMED
    exported = {PLAIN: Timed(10.0), TWO: Timed(15.0)}
    assert next_round(DYNAMIC, 2, bf16=True, all_ways=True, taken=[exported, {}]) == ()
    assert choose([exported, {}]).plan == TWO


def test_a_signature_of_a_fixed_number_is_called_with_so_many() -> None:
    first = next_round(FOUR, 2, bf16=False, all_ways=False, taken=[])

    assert first == (PLAIN, EnginePlan(streams=2, call_images=4))


@pytest.mark.parametrize(
    ("speeds", "plan"),
    [
        pytest.param({}, PLAIN, id="nothing is faster"),
        pytest.param({TWO: 10.4, FROZEN: 10.4}, PLAIN, id="faster by less than 5 %"),
        pytest.param({TWO: 15.0}, TWO, id="streams"),
        pytest.param({TWO: 15.0, TWO_STACKED: 15.3}, TWO, id="single images within 3 %"),
        pytest.param({TWO: 15.0, TWO_STACKED: 16.0}, TWO_STACKED, id="stacks"),
        pytest.param({TWO_FROZEN: 15.0}, TWO_FROZEN, id="frozen streams where exported ones do not pay"),
        pytest.param({TWO: 15.0, TWO_FROZEN: 15.4}, TWO, id="what costs less memory within 3 %"),
        pytest.param({TWO: 15.0, TWO_FROZEN: 20.0}, TWO_FROZEN, id="both"),
        pytest.param({FROZEN: 13.0}, FROZEN, id="frozen only"),
        pytest.param({TWO: 15.0, TWO_FROZEN: 20.0, TWO_BF16: 30.0}, TWO_BF16, id="bfloat16"),
        pytest.param({TWO: 15.0, TWO_FROZEN: 20.0, TWO_BF16: 20.3}, TWO_FROZEN, id="exact where it is as fast"),
    ],
)
def test_the_choice(speeds, plan) -> None:
    assert choose(rounds(speeds, bf16=True)).plan == plan


def test_what_finds_something_else_is_not_chosen() -> None:
    choice = choose(rounds({TWO: 15.0, TWO_FROZEN: 50.0}, against={TWO_FROZEN: "class 1 is elsewhere"}))

    assert choice.plan == TWO
    assert choice.speedup == 1.5


def test_the_last_round_is_believed() -> None:
    # Given a machine that was busy with something else in the first round
    first = {PLAIN: Timed(5.0), TWO: Timed(12.0)}
    second = {PLAIN: Timed(10.0), TWO: Timed(10.1), TWO_FROZEN: Timed(13.0)}

    choice = choose([first, second])

    assert (choice.plan, choice.images_per_s, choice.exported_images_per_s) == (TWO_FROZEN, 13.0, 10.0)
    assert choose([first, {**second, TWO_FROZEN: Timed(10.2)}]).plan == PLAIN
