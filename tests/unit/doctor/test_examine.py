"""The whole report, of recorded machines; Show 3's four cases without the parts that need a process or root."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.builders import spec
from tests.unit.doctor.test_memory import SWAPS, saying
from tests.unit.doctor.test_packages import GOOD
from tests.unit.doctor.test_tensorflow import NOISE, healthy
from workers.doctor.examine import examine
from workers.doctor.facts import Facts, Machine, ModelFacts, Package, RedisFacts
from workers.doctor.finding import TOPICS, Report
from workers.preflight.evidence import STAGES, Evidence, Stage

Recorded = Callable[[str], Machine]
REDIS = RedisFacts("redis://yard:6379/0", info={"redis_version": "7.2.4"})
NO_AVX = Evidence((*(Stage(name, 0.1, "1") for name in STAGES[:4]), Stage("tensorflow import")), -4, "", 180)
NUMPY = Evidence(
    (*(Stage(name, 0.1, "1") for name in STAGES[:4]), Stage("tensorflow import")),
    1,
    "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.4.6 as it may crash.\nImportError: numpy",
    180,
)


def report(machine: Machine, preflight: Evidence | None = None, **changed: object) -> Report:
    facts = Facts(machine, preflight or healthy(NOISE, onednn=True), GOOD, REDIS, {})
    return examine(replace(facts, **changed))  # type: ignore[arg-type]


def codes(found: Report, *levels: str) -> list[str]:
    return [finding.code for finding in found.findings if finding.level in levels]


@pytest.mark.parametrize(
    "name",
    ["container_v2", "docker_v1", "graviton3", "hybrid", "raspberry_pi4", "ryzen_desktop", "sapphire_rapids"],
)
def test_good_machines_are_healthy(machine: Recorded, name: str) -> None:
    found = report(machine(name))
    assert found.healthy, found.at("problem")
    assert {finding.topic for finding in found.findings} == set(TOPICS) - {"model"}


def test_a_cpu_without_avx(machine: Recorded) -> None:
    found = report(machine("westmere"), NO_AVX)
    (problem,) = found.at("problem")
    assert problem.code == "cpu_lacks_instruction"
    assert "this CPU (x86_64_v2) has no avx" in problem.why
    assert not found.healthy


def test_a_numpy_that_does_not_fit_is_told_by_its_metadata_and_by_its_death(machine: Recorded) -> None:
    found = report(machine("ryzen_desktop"), NUMPY, packages={**GOOD, "numpy": Package("numpy", "1.23.5")})
    assert codes(found, "problem") == ["numpy_abi", "package_misfit"]


def test_swap_in_use_is_a_warning_and_the_machine_is_healthy(machine: Recorded) -> None:
    swapping = replace(saying(machine("westmere"), SwapTotal=8388604, SwapFree=4194300), swaps=SWAPS)
    found = report(swapping)
    assert codes(found, "warning") == ["swap_in_use"]
    assert found.healthy


@pytest.mark.parametrize(
    ("architecture", "meminfo", "code"),
    [("armv7l", None, "machine_unsupported"), ("x86_64", "MemTotal: 400000 kB\n", "machine_unsupported")],
)
def test_a_machine_that_no_worker_can_run_on(
    machine: Recorded, architecture: str, meminfo: str | None, code: str
) -> None:
    broken = machine("westmere")
    files = replace(broken.files, architecture=architecture, meminfo=meminfo or broken.files.meminfo)
    found = report(replace(broken, files=files), model=ModelFacts(spec(), None))
    assert codes(found, "problem") == [code]
    assert found.capability is None
    assert found.at("problem")[0].remedy


def test_every_warning_and_problem_says_why_and_what_to_do(machine: Recorded) -> None:
    bad = replace(saying(machine("westmere"), SwapTotal=8388604, SwapFree=0), overcommit_memory=2)
    found = report(
        bad,
        NUMPY,
        model=ModelFacts(spec(base="30g"), None),
        packages={name: GOOD[name] for name in ("vedette", "tensorflow")},
    )
    told = [finding for finding in found.findings if finding.level in ("warning", "problem")]
    assert len(told) > 5
    assert all(finding.seen and finding.why and finding.remedy for finding in told)


def test_as_json_it_is_plain_values(machine: Recorded) -> None:
    document = json.loads(json.dumps(report(machine("container_v2"), model=ModelFacts(spec(), None)).as_json()))
    assert document["schema"] == 1
    assert document["healthy"] is True
    assert document["capability"]["memory_per_slot_bytes"] == 4080218932
    assert {"code", "level", "topic", "seen", "why", "remedy", "details", "numbers"} == set(document["findings"][0])
