"""TensorFlow: whether it works here, which build it is, and what it says on stderr that means nothing. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from workers.doctor.finding import Finding
from workers.hardware.cpu import Cpu
from workers.preflight.diagnose import Diagnosis, Healthy, diagnose
from workers.preflight.evidence import Evidence
from workers.preflight.symptoms import OTHER_CPU

#: Lines about graphics cards: there is none, or no driver for it, and a CPU worker does not want one.
_CUDA: Final = re.compile(r"^.*(?:cuda|cudart|cuInit|cuDNN|cuFFT|cuBLAS|TensorRT|TF-TRT|\bGPU\b).*$", re.I | re.M)
#: The end of cpu_feature_guard's remark: "To enable the following instructions: AVX2 FMA, in other operations, …".
_INSTRUCTIONS: Final = re.compile(r"To enable the following instructions: ([\w. ]+), in other operations")
_SLOW_IMPORT_S: Final = 30.0
#: TensorFlow on Linux turns oneDNN on by itself for x86 CPUs that have one of these (core/util/util.cc, IsMKLEnabled).
_ONEDNN_BY_DEFAULT: Final = frozenset({"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"})


def tensorflow_findings(preflight: Evidence | None, cpu: Cpu, environment: Mapping[str, str]) -> list[Finding]:
    """`preflight` None: there is no TensorFlow. The CPU without caps; `environment` as in `Facts`."""
    if preflight is None:
        return [_not_installed(), *_would_not_run(cpu)]
    verdict = diagnose(preflight, cpu.level, cpu.features)
    if isinstance(verdict, Diagnosis):
        return [_broken(verdict)]
    return [
        _works(preflight, verdict),
        *_instructions(preflight),
        *_onednn(preflight, cpu, environment),
        *_cuda(preflight),
    ]


def is_healthy(preflight: Evidence | None, cpu: Cpu) -> bool:
    if preflight is None:
        return False
    return isinstance(diagnose(preflight, cpu.level, cpu.features), Healthy)


def _not_installed() -> Finding:
    return Finding(
        "worker_extra_missing",
        "problem",
        "tensorflow",
        "TensorFlow is not installed.",
        "`pip install vedette` is what a producer needs: it submits jobs and fetches results. A worker runs models.",
        "pip install 'vedette[worker]', if a worker is to run here.",
    )


def _would_not_run(cpu: Cpu) -> list[Finding]:
    """What the preflight would find out; with TensorFlow installed, the preflight tells it itself."""
    if not cpu.level.startswith("x86_64") or "avx" in cpu.features:
        return []
    return [
        Finding(
            "cpu_lacks_instruction",
            "problem",
            "tensorflow",
            f"This CPU ({cpu.level}) has no avx.",
            "TensorFlow's wheels are built for CPUs with avx; on this one its import ends with SIGILL.",
            OTHER_CPU.format(package="tensorflow"),
        )
    ]


def _broken(diagnosis: Diagnosis) -> Finding:
    return Finding(diagnosis.code, "problem", "tensorflow", diagnosis.seen, diagnosis.cause, diagnosis.remedy)


def _works(preflight: Evidence, verdict: Healthy) -> Finding:
    seconds = {stage.name: stage.seconds or 0.0 for stage in preflight.stages}
    import_s = seconds.get("tensorflow import", 0.0)
    versions = dict(verdict.versions)
    seen = (
        f"TensorFlow {versions.get('tensorflow', '')} imports in {import_s:.1f} s and computes here, as do "
        f"NumPy {versions.get('numpy', '')} and OpenCV {versions.get('cv2', '')}"
    )
    numbers = {"versions": versions, "import_s": import_s, "seconds": seconds, "build": preflight.facts.get("build")}
    if import_s < _SLOW_IMPORT_S:
        return Finding("tensorflow_works", "ok", "tensorflow", seen, numbers=numbers)
    return Finding(
        "tensorflow_slow_import",
        "note",
        "tensorflow",
        seen,
        "The first import after a start of the machine reads 1 GB of files; each slot pays it again after a kill.",
        numbers=numbers,
    )


def _instructions(preflight: Evidence) -> list[Finding]:
    """What TensorFlow's best known remark means."""
    said = _INSTRUCTIONS.search(preflight.stderr_tail)
    if said is None:
        return []
    features = said[1].split()
    return [
        Finding(
            "tensorflow_build",
            "ok",
            "tensorflow",
            f"the wheel's code needs AVX; {' '.join(features)} {'are' if len(features) > 1 else 'is'} used by kernels "
            "that choose at run time",
            "TensorFlow says `To enable the following instructions … rebuild`; rebuilding gains little for detectors.",
            numbers={"chosen_at_run_time": features},
        )
    ]


def _onednn(preflight: Evidence, cpu: Cpu, environment: Mapping[str, str]) -> list[Finding]:
    in_use = preflight.facts.get("onednn")
    if not isinstance(in_use, bool):
        return []
    by_hand = environment.get("TF_ENABLE_ONEDNN_OPTS")
    gains = sorted(_ONEDNN_BY_DEFAULT & cpu.features)
    numbers = {"in_use": in_use, "TF_ENABLE_ONEDNN_OPTS": by_hand, "features": gains}
    seen = f"oneDNN's kernels are {'on' if in_use else 'off'}"
    if by_hand is not None:
        seen += f", by TF_ENABLE_ONEDNN_OPTS={by_hand}"
    elif gains:
        seen += (
            f"; the default on a CPU with {' '.join(gains)}" if in_use else f", although the CPU has {' '.join(gains)}"
        )
    elif not in_use:
        seen += "; the default on a CPU without VNNI, bf16 or AMX"
    if in_use or not gains:
        why = "" if in_use else "They take more memory and are worth trying: TF_ENABLE_ONEDNN_OPTS=1."
        return [Finding("onednn", "ok", "tensorflow", seen, why, numbers=numbers)]
    return [
        Finding(
            "onednn_off",
            "note",
            "tensorflow",
            seen,
            "oneDNN uses what this CPU has for neural networks; without it convolutions are slower.",
            "unset TF_ENABLE_ONEDNN_OPTS, unless results must be those of another machine to the last digit.",
            numbers=numbers,
        )
    ]


def _cuda(preflight: Evidence) -> list[Finding]:
    lines = _CUDA.findall(preflight.stderr_tail)
    if not lines:
        return []
    return [
        Finding(
            "cuda_noise",
            "ok",
            "tensorflow",
            f"{len(lines)} line{'s' if len(lines) > 1 else ''} about CUDA on stderr at import, harmless",
            "The wheel can use graphics cards, looks for a driver and complains that there is none, as error or not. "
            "Vedette's slots use the CPU only, and silence it (TF_CPP_MIN_LOG_LEVEL=2).",
            numbers={"lines": len(lines)},
        )
    ]
