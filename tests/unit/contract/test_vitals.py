"""Vitals are read by older and newer Vedettes than the one that wrote them."""

import json

import pytest

from contract.vitals import SlotVitals, Vitals, fleet_images_per_s, read_vitals

VITALS = Vitals(
    node="small@yard",
    slots=2,
    slots_busy=1,
    each=(
        SlotVitals(pid=7, stage="run", models=("a@1", "b@2")),
        SlotVitals(pid=8, models=("a@1",)),
    ),
    kills={"guard": 2, "kernel": 1},
    images_per_s={"a@1": 2.5},
)


def test_what_was_written_is_read() -> None:
    assert read_vitals(VITALS.model_dump_json()) == VITALS


def test_what_a_newer_worker_says_beyond_that_is_passed_over() -> None:
    told = json.loads(VITALS.model_dump_json())
    told["altitude_m"] = 12
    told["each"][0]["mood"] = "fine"

    assert read_vitals(json.dumps(told)) == VITALS


@pytest.mark.parametrize("text", [None, "", "{", '{"v": 2, "node": "w@yard"}', "[]"])
def test_what_nobody_here_can_read_is_nothing(text: str | None) -> None:
    assert read_vitals(text) is None


def test_an_older_worker_says_less() -> None:
    assert read_vitals('{"node": "w@yard"}') == Vitals(node="w@yard")


def test_models_are_counted_over_slots_and_kills_summed() -> None:
    assert VITALS.models == {"a@1": 2, "b@2": 1}
    assert VITALS.kills_total == 3
    assert [slot.busy for slot in VITALS.each] == [True, False]


def test_the_rates_of_a_fleet_add_up() -> None:
    other = Vitals(node="large@yard", images_per_s={"a@1": 1.5, "b@2": 1.0})

    assert fleet_images_per_s([VITALS, other]) == {"a@1": 4.0, "b@2": 1.0}
