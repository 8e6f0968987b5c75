from pathlib import Path

import archspec
import archspec.cpu
import pytest

from contract.errors import SettingsError
from workers.hardware.cpu import Cpu, cap_cpu, read_cpu
from workers.hardware.errors import MachineUnsupported

#: archspec ships /proc/cpuinfo of many machines, named linux-<system>-<what archspec itself says they are>.
RECORDED = [
    path
    for path in sorted((Path(archspec.__file__).parent / "json/tests/targets").glob("linux-*"))
    if archspec.cpu.TARGETS[path.name.split("-", 2)[2]].family.name in ("x86_64", "aarch64")
]
#: archspec gives m2 and m3 the same features and tells them apart by their part; both are armv8.6a to LLVM.
OUR_LEVEL = {"m2": "armv8.6a"}

V4 = Cpu("x86_64_v4", frozenset({"avx", "avx2", "avx512f", "avx512_vnni", "pni", "sse4_2"}), "Some Xeon")


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.name)
def test_levels_agree_with_archspec(recorded: Path) -> None:
    target = archspec.cpu.TARGETS[recorded.name.split("-", 2)[2]]
    level = read_cpu(recorded.read_text(), target.family.name).level
    assert level == OUR_LEVEL.get(target.name, target.generic.name)


def test_archspec_ships_recorded_machines() -> None:
    assert len(RECORDED) > 25


@pytest.mark.parametrize(
    ("cpuinfo", "architecture", "expected"),
    [
        pytest.param("", "x86_64", Cpu("x86_64", frozenset(), "x86_64"), id="nothing known"),
        pytest.param("Features : fp asimd", "arm64", Cpu("aarch64", frozenset({"fp", "asimd"}), "arm64"), id="alias"),
        pytest.param(
            "flags : sse2 avx2\n\nflags : sse2 AVX2 avx512f\n",
            "x86_64",
            Cpu("x86_64", frozenset({"sse2", "avx2"}), "x86_64"),
            id="only what all processors have",
        ),
        pytest.param(
            "model name : Odd   Name\nflags : fpu b@d ok_1\n",
            "x86_64",
            Cpu("x86_64", frozenset({"fpu", "ok_1"}), "Odd Name"),
            id="features that no queue name could spell",
        ),
        pytest.param(
            "Features : fp\nCPU implementer : 0x41\nCPU part : 0xfff\n",
            "aarch64",
            Cpu("aarch64", frozenset({"fp"}), "ARM 0xfff"),
            id="a core that archspec does not know",
        ),
        pytest.param(
            "flags : cx16 lahf_lm mmx popcnt sse sse2 pni sse4_1 sse4_2 ssse3",
            "x86_64",
            Cpu(
                "x86_64_v2",
                archspec.cpu.TARGETS["x86_64_v2"].features - {"sse3"} | {"pni"},
                "x86_64",
            ),
            id="pni is sse3",
        ),
    ],
)
def test_reading_cpuinfo(cpuinfo: str, architecture: str, expected: Cpu) -> None:
    assert read_cpu(cpuinfo, architecture) == expected


@pytest.mark.parametrize("architecture", ["armv7l", "i686", "s390x", ""])
def test_architectures_without_tensorflow(architecture: str) -> None:
    with pytest.raises(MachineUnsupported, match=f"architecture is '{architecture}'"):
        read_cpu("", architecture)


@pytest.mark.parametrize(
    ("cap", "features"),
    [
        ("x86_64_v4", {"avx", "avx2", "avx512f", "sse4_2"}),
        ("x86_64_v3", {"avx", "avx2", "sse4_2"}),
        ("x86_64_v2", {"sse4_2"}),
        ("x86_64", set()),
    ],
)
def test_a_cap_leaves_the_capped_level_and_nothing_more(cap: str, features: set[str]) -> None:
    assert cap_cpu(V4, cap) == Cpu(cap, frozenset(features), "Some Xeon")


@pytest.mark.parametrize(
    ("cpu", "cap", "message"),
    [
        (Cpu("x86_64_v2", frozenset(), "Old Xeon"), "x86_64_v3", r"\(Old Xeon\) is measured as x86_64_v2"),
        (V4, "armv8.2a", "no CPU level of x86_64; this machine knows x86_64, x86_64_v2, x86_64_v3, x86_64_v4"),
        (V4, "haswell", "--cpu haswell: no CPU level"),
        (V4, "x86-64-v3", "--cpu x86-64-v3: no CPU level"),
        (V4, "any", "--cpu any: no CPU level"),
        (Cpu("armv8.6a", frozenset(), "Ampere"), "armv9.0a", "a cap can only lower"),
    ],
)
def test_a_cap_that_does_not_fit(cpu: Cpu, cap: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        cap_cpu(cpu, cap)
