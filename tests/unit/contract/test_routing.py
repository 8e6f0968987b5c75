import pytest

from contract.errors import NoCapableWorker
from contract.routing import explain, route
from tests.support.builders import advert, spec

LARGE = spec("defects-large", "2", base="3g", cpu="x86_64_v3", features=["avx512_vnni"])
QUEUE = "detect.x86_64_v3.4g+avx512_vnni"
SMALL_WORKER = advert("small@yard", memory="1g")
OLD_WORKER = advert("old@yard", memory="8g", cpu_level="sandybridge")
CAPABLE_WORKER = advert("large@yard", memory="8g", cpu_features=["avx512_vnni"])


def test_a_job_goes_to_the_queue_of_its_model_when_one_live_worker_can_run_it():
    assert route(LARGE, [SMALL_WORKER, CAPABLE_WORKER]) == QUEUE


def test_without_a_capable_worker_a_job_is_refused_or_waits_if_it_may():
    with pytest.raises(NoCapableWorker) as refused:
        route(LARGE, [SMALL_WORKER, OLD_WORKER])

    explanation, advice = str(refused.value).rsplit("\n", 1)
    assert explanation == explain(LARGE, [SMALL_WORKER, OLD_WORKER])
    assert advice == "Start a worker that has it, or queue the job until one comes (allow_waiting / --allow-waiting)."
    assert refused.value.code == "no_capable_worker"
    assert route(LARGE, [SMALL_WORKER], allow_waiting=True) == QUEUE
    assert route(LARGE, [], allow_waiting=True) == QUEUE


def test_the_explanation_says_what_is_needed_what_there_is_and_what_is_missing():
    assert explain(LARGE, [SMALL_WORKER, OLD_WORKER]).splitlines() == [
        "no live worker can run defects-large@2: it needs 4 GiB of memory per slot, CPU level x86_64_v3, avx512_vnni.",
        "  small@yard has 1.0 GiB per slot, x86_64_v3; "
        "lacks CPU feature avx512_vnni, 4 GiB of memory per slot (has 1.0 GiB)",
        "  old@yard has 8.0 GiB per slot, sandybridge; "
        "lacks CPU level x86_64_v3 (has sandybridge), CPU feature avx512_vnni",
    ]


def test_an_empty_fleet_is_told_how_to_start_a_worker():
    lines = explain(spec(), []).splitlines()

    assert lines[0] == "no live worker can run defects-small@1: it needs 512 MiB of memory per slot."
    assert lines[1] == "  no worker is alive: start one with `celery -A workers worker`"


def test_workers_that_lack_the_same_share_a_line():
    alike = [advert(f"small-{number}@yard", memory="1g") for number in range(40)]
    unlike = [advert(f"odd-{number}@yard", memory=f"{100 + 10 * number}m") for number in range(40)]

    lines = explain(LARGE, [*alike, *unlike]).splitlines()

    assert lines[1] == (
        "  small-0@yard and 39 more (each) has 1.0 GiB per slot, x86_64_v3; "
        "lacks CPU feature avx512_vnni, 4 GiB of memory per slot (has 1.0 GiB)"
    )
    assert lines[2].startswith("  odd-0@yard has 100 MiB per slot")
    assert len(lines) == 22
    assert lines[-1] == "  21 more lack something too"
