"""Whether a model would run, in which batches, how fast; and what its trial's death means."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.memory import GIB, MIB
from contract.model_spec import ModelSpec
from tests.support.builders import capability, spec
from workers.doctor.facts import ModelFacts, Trial
from workers.doctor.finding import Finding
from workers.doctor.model import fit, model_findings, trial_batch
from workers.memory.death import GUARD_EXIT
from workers.memory.sample import MemorySample
from workers.preflight.evidence import Evidence, Stage

PLENTY = MemorySample(0, 16 * GIB, "host memory", 0)
#: 300 MiB, and 20 MiB an image of a megapixel, 23 with the margin and 11.4 for its pixels: 34.4 MiB.
MODEL = spec()
HERE = Path("/store/defects-small/1")
DONE = (
    Stage("engine import", 2.0),
    Stage("model load", 4.0),
    Stage("first call", 1.5),
    Stage("call", 0.25),
    Stage("batch", 0.5),
)


def findings(facts: ModelFacts, memory: str = "2g", now: MemorySample = PLENTY, **has: object) -> dict[str, Finding]:
    return {found.code: found for found in model_findings(facts, capability(memory, **has), now)}


def tried(exit_code: int | None = 0, stages: tuple[Stage, ...] = DONE, **fields: object) -> ModelFacts:
    evidence = Evidence(stages, exit_code, str(fields.pop("stderr", "")), 180)
    return ModelFacts(MODEL, HERE, trial=Trial(evidence, 8, 500 * MIB, 0.25, **fields))  # type: ignore[arg-type]


def unfinished(name: str) -> tuple[Stage, ...]:
    return (*(stage for stage in DONE if stage.name != name), Stage(name))


@pytest.mark.parametrize(
    ("memory", "free_bytes", "at_rest", "now"),
    [
        ("2g", 16 * GIB, 50, 50),  # (2048 - 300) / 34.4 = 50.8
        ("512m", 16 * GIB, 6, 6),
        ("2g", 1 * GIB, 50, 18),  # (1024 - 2 × 41 - 300) / 34.4
        ("2g", 300 * MIB, 50, 0),
    ],
)
def test_the_largest_batch(memory: str, free_bytes: int, at_rest: int, now: int) -> None:
    fitting = fit(MODEL, capability(memory), replace(PLENTY, free_bytes=free_bytes))
    assert (fitting.at_rest.batch, fitting.now.batch, fitting.lacks) == (at_rest, now, ())
    assert fitting.runs == (now > 0)


@pytest.mark.parametrize(("free_bytes", "batch"), [(16 * GIB, 8), (512 * MIB, 3)])
def test_the_trial_is_as_large_as_a_workers_batch_would_be(free_bytes: int, batch: int) -> None:
    fitting = fit(MODEL, capability("2g"), replace(PLENTY, free_bytes=free_bytes))
    assert trial_batch(MODEL, fitting) == batch


def test_a_model_that_works() -> None:
    found = findings(tried())
    assert [*found] == ["model_fits", "model_works"]
    assert found["model_fits"].seen == "defects-small@1 fits: batches of up to 50 images of 1 megapixel"
    assert found["model_works"].seen == (
        "tried: loads in 4.0 s, first call 1.50 s, then 0.250 s an image of 1 megapixel; "
        "16.0 images/s in batches of 8; at most 500 MiB of memory"
    )
    assert found["model_works"].numbers["images_per_s"] == 16


@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [
        (spec(base="3g"), {"memory_limited_by": "host memory"}, "4 GiB of memory per slot (has 2.0 GiB)"),
        (spec(cpu="x86_64_v4"), {}, "CPU level x86_64_v4 (has x86_64_v3)"),
        (spec(features=["amx_bf16"]), {}, "CPU feature amx_bf16"),
    ],
)
def test_a_model_that_needs_more(model: ModelSpec, has: dict[str, str], lacks: str) -> None:
    (found,) = findings(ModelFacts(model, HERE), **has).values()
    assert (found.code, found.level) == ("model_needs_more", "problem")
    assert found.seen == f"defects-small@1 cannot run here; it needs {lacks}."
    assert ("Give the machine more memory" in found.remedy) == ("memory" in lacks)


def test_a_model_that_fits_but_not_now() -> None:
    now = MemorySample(0, 300 * MIB, "host memory", 0)
    (found,) = findings(ModelFacts(MODEL, HERE), now=now).values()
    assert (found.code, found.level) == ("model_no_room_now", "warning")
    assert "1 image would need 334 MiB, 218 MiB available (host memory)" in found.seen


def test_a_model_of_the_registry_alone_is_not_tried() -> None:
    assert [*findings(ModelFacts(MODEL, None))] == ["model_fits", "model_not_here"]


def test_files_that_a_worker_refuses() -> None:
    found = findings(ModelFacts(MODEL, HERE, broken="the files are not the ones"))
    assert found["model_broken"].why == "the files are not the ones"


def test_a_model_that_takes_more_than_it_says() -> None:
    facts = tried()
    assert facts.trial is not None
    hungry = replace(facts, trial=replace(facts.trial, peak_bytes=900 * MIB))
    warning = findings(hungry)["model_takes_more"]
    assert warning.level == "warning"
    assert warning.seen == "defects-small@1 took 900 MiB with 8 images; 576 MiB were predicted."


@pytest.mark.parametrize(
    ("facts", "code", "seen"),
    [
        (tried(-9, unfinished("batch")), "model_memory", "batch: ended by SIGKILL (killed)."),
        (
            tried(GUARD_EXIT, unfinished("model load"), ended_by="guard: 1.9 of 2.0 GiB in use", verdict="memory"),
            "model_memory",
            "model load: guard: 1.9 of 2.0 GiB in use.",
        ),
        (
            tried(3, unfinished("first call"), ended_by="ResourceExhaustedError: OOM", verdict="memory"),
            "model_memory",
            "first call: ResourceExhaustedError: OOM.",
        ),
        (tried(-4, unfinished("first call")), "model_cpu", "first call: ended by SIGILL (illegal instruction)."),
        (tried(-11, unfinished("call")), "model_crash", "call: ended by SIGSEGV (segmentation fault)."),
        (tried(None, unfinished("model load")), "model_timeout", "model load: not finished after 180 s."),
        (
            tried(3, unfinished("model load"), ended_by="tiny@1: cannot be loaded", verdict="model"),
            "model_broken",
            "model load: tiny@1: cannot be loaded",
        ),
        (tried(1, (), stderr="Traceback\nOSError: gone\n\n"), "model_broken", "start: OSError: gone"),
    ],
)
def test_a_trial_that_ended_badly(facts: ModelFacts, code: str, seen: str) -> None:
    found = findings(facts)[code]
    assert found.level == "problem"
    assert found.seen == f"defects-small@1, {seen}"
    assert found.why
    assert found.remedy


def test_a_crash_under_an_address_space_limit_is_memory() -> None:
    found = findings(tried(-11, unfinished("call")), memory_limited_by="RLIMIT_AS")
    assert "model_memory" in found
