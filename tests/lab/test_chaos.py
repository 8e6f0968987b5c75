"""A short run of the chaos driver, and that it would notice. For longer, by hand: `make chaos SECONDS=600 SEED=1`."""

import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from contract.ledger import JobStatus, ModelCounts
from contract.messages import Failure, ImageResult
from tests.lab.chaos.counters import differences
from tests.lab.chaos.orders import Asked, Picture, Submitted, orders
from tests.lab.chaos.run import run
from tests.lab.chaos.schedule import KINDS, faults
from tests.lab.chaos.tally import JobRecord, tally
from tests.support.redis_server import redis_executable

pytestmark = [pytest.mark.lab, pytest.mark.integration]


@pytest.mark.skipif(redis_executable() is None and "CI" not in os.environ, reason="there is no redis-server here")
def test_every_image_has_exactly_one_result_whatever_happens(tmp_path: Path):
    done = run(tmp_path / "chaos", seconds=45, seed=1, workers=2)

    print(done.text)
    assert not done.wrongs, "\n".join(done.wrongs)


def test_a_seed_decides_what_strikes_when_and_what_is_submitted():
    assert faults(7, seconds=600, lease_s=5) == faults(7, seconds=600, lease_s=5)
    assert faults(7, seconds=600, lease_s=5) != faults(8, seconds=600, lease_s=5)
    assert list(islice(orders(7, 0), 20)) == list(islice(orders(7, 0), 20))
    assert list(islice(orders(7, 0), 20)) != list(islice(orders(7, 1), 20))


@pytest.mark.parametrize("seed", range(20))
def test_nearly_every_kind_of_fault_comes_up_in_a_short_run_too(seed):
    struck = {fault.kind for fault in faults(seed, seconds=45, lease_s=5)}

    assert len(struck) >= len(KINDS) - 2  # the last cards may lie behind the end


ASKED = (Asked("0-plain", Picture(Path("/in/0.png"))), Asked("1-bad", Picture(Path("/in/1.png"), "image_empty")))
GOOD = ImageResult(image="0-plain", model="tiny@1", detections=[], batch_size=1, attempts=1)
BAD = ImageResult(image="1-bad", model="tiny@1", failure=Failure(code="image_empty", message=""), attempts=1)
CRASHED = ImageResult(image="0-plain", model="tiny@1", failure=Failure(code="crash", message=""), attempts=1)


def record(results, *, order=None, dead=(), **status) -> JobRecord:
    """What the ledger says of a job of one good and one empty image."""
    counts = {"state": "done", "total": 2, "succeeded": 1, "failed": 1, **status}
    return JobRecord(
        Submitted("job", "tiny", ASKED),
        JobStatus(job="job", sealed=True, model="tiny@1", queue="q", created=datetime.now(UTC), **counts),
        order=[str(index) for index in results] if order is None else order,
        results=results,
        dead=frozenset(dead),
        attempts=[],
    )


def test_a_job_with_one_result_for_each_image_is_fine():
    counted = tally([record({0: GOOD, 1: BAD}), record({0: CRASHED, 1: BAD}, dead=[0], succeeded=0, failed=2)])

    assert counted.wrong == []
    assert (counted.submitted, counted.lost, counted.twice) == (4, 0, 0)
    assert counted.results == {"processed": 1, "image_empty": 2, "crash": 1}
    assert counted.dead_letters == {"crash": 1}


def test_counters_that_tell_something_else_are_noticed():
    right = ModelCounts(images={"succeeded": 1, "failed": 1}, failures={"image_empty": 1})

    assert differences([GOOD, BAD], {"tiny@1": right}) == []
    assert differences([GOOD, GOOD, BAD], {"tiny@1": right})
    assert differences([GOOD, CRASHED], {"tiny@1": right})
    assert differences([GOOD], {"tiny@1": ModelCounts()})


@pytest.mark.parametrize(
    ("broken", "wrong"),
    [
        (record({0: GOOD}, failed=0), "has no result"),
        (record({0: GOOD, 1: BAD}, order=["0", "1", "0"]), "was recorded twice"),
        (record({0: GOOD, 1: BAD}, order=["1"]), "order of 1, 2 results"),
        (record({0: GOOD, 1: BAD}, succeeded=2), "succeeded 2, 1 results"),
        (record({0: GOOD, 1: BAD}, failed=2), "failed 2, 1 failures"),
        (record({0: GOOD, 1: BAD}, total=3), "total 3, 2 submitted"),
        (record({0: GOOD, 1: BAD}, state="open"), "state open"),
        (record({0: CRASHED, 1: BAD}, succeeded=0, failed=2), "dead letters of [0] and their failures differ"),
        (record({0: BAD, 1: BAD}, succeeded=0, failed=2), "is 0-plain and has the result of 1-bad"),
        (
            record({0: GOOD, 1: GOOD.model_copy(update={"image": "1-bad"})}, succeeded=2, failed=0),
            "(1-bad) was processed; expected image_empty",
        ),
    ],
)
def test_what_is_wrong_is_noticed(broken, wrong):
    assert wrong in [found.what for found in tally([broken]).wrong]
