"""What the CPU has, and who keeps what from us."""

from collections.abc import Callable
from dataclasses import replace

import archspec.cpu
import pytest

from workers.doctor.cpu import cpu_findings, name_by_numbers
from workers.doctor.facts import Machine
from workers.doctor.finding import Finding
from workers.doctor.microarchitectures import _AMD, _INTEL, microarchitecture
from workers.hardware.probe import measure_cpu

Recorded = Callable[[str], Machine]


def without(machine: Machine, *features: str, flag: str = "") -> Machine:
    """The same machine, whose /proc/cpuinfo lacks features, and has a flag more."""
    lines = []
    for line in machine.files.cpuinfo.splitlines():
        if line.startswith("flags"):
            name, _, flags = line.partition(":")
            line = f"{name}: {' '.join([word for word in flags.split() if word not in features] + [flag])}"
        lines.append(line)
    return replace(machine, files=replace(machine.files, cpuinfo="\n".join(lines)))


def findings(machine: Machine) -> dict[str, Finding]:
    return {finding.code: finding for finding in cpu_findings(machine, measure_cpu(machine.files))}


@pytest.mark.parametrize(
    ("vendor", "family", "model", "stepping", "name"),
    [
        ("GenuineIntel", 6, 143, 8, "sapphirerapids"),
        ("GenuineIntel", 6, 85, 4, "skylake_avx512"),
        ("GenuineIntel", 6, 85, 7, "cascadelake"),
        ("GenuineIntel", 6, 44, 2, "westmere"),
        ("GenuineIntel", 6, 92, 9, None),  # an Atom
        ("GenuineIntel", 15, 4, 1, None),
        ("AuthenticAMD", 25, 1, 1, "zen3"),
        ("AuthenticAMD", 25, 0x11, 1, "zen4"),
        ("AuthenticAMD", 23, 0x31, 0, "zen2"),
        ("AuthenticAMD", 99, 1, 1, None),
        ("HygonGenuine", 24, 1, 1, None),
    ],
)
def test_names_by_numbers(vendor: str, family: int, model: int, stepping: int, name: str | None) -> None:
    assert microarchitecture(vendor, family, model, stepping) == name


def test_the_table_names_what_archspec_knows() -> None:
    names = {*_INTEL, "cascadelake", *(name for rows in _AMD.values() for name, _, _ in rows)}
    assert names <= set(archspec.cpu.TARGETS)


@pytest.mark.parametrize(
    "name",
    ["container_v2", "docker_v1", "graviton3", "hybrid", "raspberry_pi4", "sandybridge", "sapphire_rapids", "westmere"],
)
def test_nothing_is_hidden_on_real_machines(machine: Recorded, name: str) -> None:
    assert set(findings(machine(name))) == {"cpu_level"}


def test_the_level_and_what_is_beyond_it(machine: Recorded) -> None:
    level = findings(machine("sapphire_rapids"))["cpu_level"]
    assert level.seen == "x86_64_v4: Intel(R) Xeon(R) Platinum 8480+, 64 cores for this process"
    assert level.details[0].startswith("beyond that level: amx_bf16 amx_int8 avx512_bf16 avx512_vnni")
    assert level.details[1] == "a sapphirerapids by its family and model"


def test_a_quota_leaves_fewer_cores_than_processors(machine: Recorded) -> None:
    level = findings(machine("container_v2"))["cpu_level"]
    assert "32 processors, of which a CPU quota of the cgroup leaves 3" in level.details
    assert (level.numbers["processors"], level.numbers["cores"]) == (32, 3)


def test_a_hypervisor_that_hides_matrix_units_costs_speed(machine: Recorded) -> None:
    hidden = findings(without(machine("sapphire_rapids"), "amx_bf16", "avx512_bf16", flag="hypervisor"))
    assert hidden["cpu_features_hidden"].level == "note"
    assert hidden["cpu_features_hidden"].numbers["features"] == ["avx512_bf16", "amx_bf16"]
    assert hidden["cpu_features_hidden"].seen == (
        "By its family and model this CPU is a sapphirerapids, but avx512_bf16 and amx_bf16 are not in /proc/cpuinfo."
    )
    assert "-cpu host" in hidden["cpu_features_hidden"].remedy


def test_a_hypervisor_that_hides_avx_is_a_warning(machine: Recorded) -> None:
    hidden = findings(without(machine("sandybridge"), "avx", flag="hypervisor"))["cpu_features_hidden"]
    assert hidden.level == "warning"
    assert hidden.why.startswith("The hypervisor keeps it from this virtual machine. Without avx TensorFlow")


def test_without_a_hypervisor_it_is_the_maker_or_the_firmware(machine: Recorded) -> None:
    hidden = findings(without(machine("sandybridge"), "avx"))["cpu_features_hidden"]
    assert "Pentium, Celeron" in hidden.why
    assert "firmware" in hidden.remedy


def test_what_the_kernel_has_switched_off_is_laid_at_its_door_alone(machine: Recorded) -> None:
    # Given CPUID that announces AVX, which /proc/cpuinfo lacks: booted with clearcpuid=avx
    off = replace(without(machine("sandybridge"), "avx"), cpuid_features=frozenset({"sse2", "avx"}))
    assert set(findings(off)) == {"cpu_level", "cpu_features_off"}
    assert findings(off)["cpu_features_off"].seen == "CPUID announces avx, /proc/cpuinfo does not have it."


def test_an_emulator_that_shows_the_hosts_cpuinfo(machine: Recorded) -> None:
    emulated = replace(machine("sapphire_rapids"), cpuid_features=frozenset({"sse2", "sse4_2"}))
    claimed = findings(emulated)["cpu_features_false"]
    assert claimed.numbers["features"] == ["avx", "avx2", "fma"]
    assert "emulator" in claimed.why


def test_arm_has_no_such_numbers(machine: Recorded) -> None:
    assert name_by_numbers(machine("graviton3").files) is None


@pytest.mark.parametrize(("load", "busy"), [(None, False), (0.1, False), (17.9, False), (18.0, True)])
def test_a_busy_machine_is_noted_for_its_times_mislead(machine: Recorded, load: float | None, busy: bool) -> None:
    found = findings(replace(machine("westmere"), load=load))  # 12 cores
    assert ("cpu_busy" in found) == busy
