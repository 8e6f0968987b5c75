import pytest
from pydantic import ValidationError

from contract.capability import Requirement, satisfies, shortfalls
from contract.memory import GIB, MIB, parse_bytes
from tests.support.builders import capability


def requirement(memory="1g", cpu_level="any", features=()):
    return Requirement(cpu_level=cpu_level, memory_bytes=parse_bytes(memory), cpu_features=frozenset(features))


@pytest.mark.parametrize(
    ("machine", "needed", "runs"),
    [
        ("x86_64", "any", True),
        ("neoverse_n1", "any", True),
        ("riscv64", "any", True),
        ("x86_64_v3", "x86_64_v3", True),
        ("x86_64_v3", "x86_64_v2", True),
        ("x86_64_v2", "x86_64_v3", False),
        ("x86_64_v3", "x86_64_v4", False),
        # Names of real CPUs stand above the level that they implement.
        ("nehalem", "x86_64_v2", True),
        ("sandybridge", "x86_64_v2", True),
        ("sandybridge", "x86_64_v3", False),  # AVX, but no AVX2
        ("haswell", "x86_64_v3", True),
        ("zen2", "x86_64_v3", True),
        ("zen2", "x86_64_v4", False),
        ("zen4", "x86_64_v4", True),
        ("skylake_avx512", "x86_64_v4", True),
        ("zen2", "haswell", False),  # neither is built for the other
        # ARM.
        ("neoverse_n1", "armv8.2a", True),
        ("neoverse_n1", "aarch64", True),
        ("cortex_a72", "armv8.2a", False),
        ("armv8.1a", "armv8.2a", False),
        # Families do not mix.
        ("neoverse_v2", "x86_64", False),
        ("x86_64_v4", "aarch64", False),
    ],
)
def test_which_cpu_runs_what_was_built_for_which_level(machine, needed, runs):
    assert satisfies(capability(cpu_level=machine), requirement(cpu_level=needed)) is runs


@pytest.mark.parametrize(
    ("machine", "measured", "needed", "runs"),
    [
        ("x86_64_v3", [], [], True),
        ("x86_64_v3", ["avx512_vnni"], ["avx512_vnni"], True),
        ("x86_64_v3", [], ["avx512_vnni"], False),
        ("x86_64_v3", ["avx512_vnni"], ["avx512_vnni", "amx_bf16"], False),
        ("x86_64_v3", [], ["avx2"], True),  # the level implies it, even if the flag was recorded under another name
        ("x86_64_v2", [], ["avx2"], False),
        ("x86_64_v2", ["avx2"], ["avx2"], True),
        ("neoverse_n1", [], ["asimd"], True),
        ("neoverse_n1", [], ["sve"], False),
        ("neoverse_n1", ["sve"], ["sve"], True),
    ],
)
def test_features_are_measured_or_implied_by_the_level(machine, measured, needed, runs):
    has = capability(cpu_level=machine, cpu_features=measured)

    assert satisfies(has, requirement(features=needed)) is runs


@pytest.mark.parametrize(("spare_bytes", "fits"), [(-1, False), (0, True), (1, True)])
def test_memory_must_reach_the_tier_to_the_byte(spare_bytes, fits):
    has = capability(memory_per_slot_bytes=2 * GIB + spare_bytes)

    assert satisfies(has, requirement("2g")) is fits


def test_memory_counts_per_slot_and_not_for_the_whole_machine():
    assert not satisfies(capability("1g", slots=8), requirement("2g"))


def test_shortfalls_say_everything_that_is_missing():
    # Given an old small machine
    has = capability(cpu_level="sandybridge", memory_per_slot_bytes=900 * MIB)

    # When a modern model is compared with it
    missing = shortfalls(has, requirement("4g", "x86_64_v3", ["avx512_vnni", "amx_bf16"]))

    # Then each lack is named with what is there instead
    assert missing == [
        "CPU level x86_64_v3 (has sandybridge)",
        "CPU features amx_bf16, avx512_vnni",
        "4 GiB of memory per slot (has 900 MiB)",
    ]


def test_nothing_missing_is_an_empty_list():
    assert shortfalls(capability("4g"), requirement("4g", "x86_64_v3")) == []


@pytest.mark.parametrize(
    "flaw",
    [
        {"cpu_level": "x86_64_v9"},
        {"cpu_level": "any"},  # a machine is something
        {"cpu_features": ["AVX2"]},
        {"memory_per_slot_bytes": 0},
        {"slots": 0},
        {"threads": 0},
    ],
)
def test_a_capability_that_no_machine_has_is_refused(flaw):
    with pytest.raises(ValidationError, match=next(iter(flaw))):
        capability(**flaw)


def test_a_newer_worker_may_say_more_of_itself_than_we_know():
    assert capability(gpu=1) == capability()


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        ({"memory_bytes": 3 * GIB}, r"3221225472 is no memory tier"),
        ({"cpu_level": "v3"}, r"'v3' is no CPU level; use 'any' or an archspec name"),
        ({"cpu_features": ["a+b"]}, r"cpu_features"),
    ],
)
def test_a_requirement_that_no_queue_can_spell_is_refused(flaw, message):
    with pytest.raises(ValidationError, match=message):
        Requirement.model_validate({"memory_bytes": GIB, **flaw})
