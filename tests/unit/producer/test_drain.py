"""Which workers are meant to drain, and whether the others can spare them."""

import pytest

from contract.registry import Advert
from producer.drain import check_can_drain, check_spared, meant
from producer.errors import DrainUnsupported, WorkerNeeded, WorkerUnknown
from tests.support.builders import advert, spec

FLEET = [advert("big@yard", memory="8g"), advert("small-1@yard"), advert("small-2@field")]


@pytest.mark.parametrize(
    ("names", "nodes"),
    [
        (["big@yard"], ["big@yard"]),
        (["big"], ["big@yard"]),
        (["small-*"], ["small-1@yard", "small-2@field"]),
        (["*@yard"], ["big@yard", "small-1@yard"]),
        (["small-2", "big", "big@*"], ["big@yard", "small-2@field"]),
        (["*"], ["big@yard", "small-1@yard", "small-2@field"]),
    ],
)
def test_workers_are_named_by_node_by_its_first_part_or_by_a_pattern(names: list[str], nodes: list[str]) -> None:
    assert [worker.node for worker in meant(FLEET, names)] == nodes


def test_a_name_that_nobody_has_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(WorkerUnknown, match=r"'smal'\. There are: big@yard, small-1@yard, small-2@field\."):
        meant(FLEET, ["big", "smal"])
    with pytest.raises(WorkerUnknown, match="None is alive"):
        meant([], ["big"])


def test_a_worker_that_knows_of_no_draining_is_named() -> None:
    old, new = advert("old@yard"), advert("new@yard").model_copy(update={"instance": "3f9c"})

    check_can_drain([new])
    with pytest.raises(DrainUnsupported, match=r"^old@yard: of an older Vedette"):
        check_can_drain([new, old])


def draining(worker: Advert) -> Advert:
    return worker.model_copy(update={"draining": True})


@pytest.mark.parametrize(
    ("fleet", "names", "orphans"),
    [
        (FLEET, ["small-1"], None),
        (FLEET, ["small-*"], None),  # the big one does their work too
        (FLEET, ["big"], "large@1"),
        (FLEET, ["*"], "small@1, large@1"),
        ([FLEET[0], draining(FLEET[1])], ["big"], "small@1, large@1"),
        ([draining(FLEET[0]), FLEET[1]], ["big"], None),  # it is no longer counted on
        ([FLEET[1], FLEET[2]], ["small-1"], None),  # nobody can run the large one anyway
    ],
)
def test_nobody_drains_whom_no_other_worker_can_replace(
    fleet: list[Advert], names: list[str], orphans: str | None
) -> None:
    models = [spec("small"), spec("large", base="3g")]

    if orphans is None:
        check_spared(meant(fleet, names), fleet, models)
        return
    with pytest.raises(WorkerNeeded, match=f"nobody could run {orphans}: .*--force"):
        check_spared(meant(fleet, names), fleet, models)
