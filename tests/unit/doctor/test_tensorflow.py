"""What the preflight's evidence says to a person, and the noise that means nothing."""

import pytest

from workers.doctor.finding import Finding
from workers.doctor.tensorflow import tensorflow_findings
from workers.hardware.cpu import Cpu
from workers.preflight.evidence import STAGES, Evidence, Stage, parse_facts

V3 = Cpu("x86_64_v3", frozenset({"avx", "avx2", "fma"}), "AMD EPYC")
VNNI = Cpu("x86_64_v4", frozenset({"avx", "avx2", "fma", "avx512f", "avx512_vnni"}), "Xeon")
V2 = Cpu("x86_64_v2", frozenset({"sse4_2"}), "Xeon X5650")

#: As TensorFlow 2.21 writes it on a machine without a graphics card.
NOISE = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795518356.299921    5359 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
I0000 00:00:1795518356.581038    5359 cpu_feature_guard.cc:227] This TensorFlow binary is optimized to use available \
CPU instructions in performance-critical operations.
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate compiler \
flags.
E0000 00:00:1795518359.395316    5359 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to \
cuInit: UNKNOWN ERROR (303)
"""  # noqa: E501


def healthy(stderr: str = "", import_s: float = 2.5, **facts: object) -> Evidence:
    stages = (Stage(name, import_s if name == "tensorflow import" else 0.1, "2.21.0") for name in STAGES)
    return Evidence(tuple(stages), 0, stderr, 180, facts)


def findings(evidence: Evidence | None, cpu: Cpu = V3, environment: dict[str, str] | None = None) -> dict[str, Finding]:
    return {found.code: found for found in tensorflow_findings(evidence, cpu, environment or {})}


def test_it_works() -> None:
    found = findings(healthy(build={"is_cuda_build": True}))
    assert set(found) == {"tensorflow_works"}
    assert found["tensorflow_works"].seen.startswith("TensorFlow 2.21.0 imports in 2.5 s and computes here")
    assert found["tensorflow_works"].numbers["build"] == {"is_cuda_build": True}


def test_a_slow_import_is_noted() -> None:
    assert findings(healthy(import_s=70))["tensorflow_slow_import"].level == "note"


def test_its_noise_is_explained() -> None:
    found = findings(healthy(NOISE))
    assert found["cuda_noise"].seen == "2 lines about CUDA on stderr at import, harmless"
    assert found["tensorflow_build"].numbers["chosen_at_run_time"] == ["AVX2", "FMA"]
    assert {finding.level for finding in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("in_use", "cpu", "environment", "code", "seen"),
    [
        (True, VNNI, {}, "onednn", "oneDNN's kernels are on; the default on a CPU with avx512_vnni"),
        (False, V3, {}, "onednn", "oneDNN's kernels are off; the default on a CPU without VNNI, bf16 or AMX"),
        (True, V3, {"TF_ENABLE_ONEDNN_OPTS": "1"}, "onednn", "oneDNN's kernels are on, by TF_ENABLE_ONEDNN_OPTS=1"),
        (False, VNNI, {"TF_ENABLE_ONEDNN_OPTS": "0"}, "onednn_off", "… are off, by TF_ENABLE_ONEDNN_OPTS=0"),
        (False, VNNI, {}, "onednn_off", "… are off, although the CPU has avx512_vnni"),
    ],
)
def test_onednn(in_use: bool, cpu: Cpu, environment: dict[str, str], code: str, seen: str) -> None:
    found = findings(healthy(onednn=in_use), cpu, environment)
    assert found[code].seen == seen.replace("…", "oneDNN's kernels")


def test_an_illegal_instruction_is_the_preflights_diagnosis() -> None:
    stages = (*(Stage(name, 0.1, "1") for name in STAGES[:4]), Stage("tensorflow import"))
    (found,) = findings(Evidence(stages, -4, NOISE, 180), V2).values()
    assert (found.code, found.level) == ("cpu_lacks_instruction", "problem")
    assert "built for CPUs with avx; this CPU (x86_64_v2) has no avx" in found.why


@pytest.mark.parametrize(
    ("cpu", "codes"),
    [(V3, ["worker_extra_missing"]), (V2, ["worker_extra_missing", "cpu_lacks_instruction"])],
)
def test_a_producers_install_says_how_to_add_a_worker(cpu: Cpu, codes: list[str]) -> None:
    found = findings(None, cpu)
    assert [*found] == codes
    assert found["worker_extra_missing"].remedy.startswith("pip install 'vedette[worker]'")


def test_facts_are_read_from_the_childs_report() -> None:
    report = '{"stage": "numpy op", "state": "begun"}\n{"facts": {"onednn": true}}\n{"facts": {"cut'
    assert parse_facts(report) == {"onednn": True}
