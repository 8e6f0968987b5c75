"""From what was seen of the child to what it means and what to do. Pure."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

import archspec.cpu

from workers.preflight.evidence import STAGES, Evidence
from workers.preflight.symptoms import MORE_MEMORY, OTHER_CPU, REINSTALL, SIGNALS, SYMPTOMS, Code

#: The feature without which the package's x86 wheel dies of SIGILL, or says so: TensorFlow 2.21 and NumPy 2.4 wheels.
_X86_WHEELS_NEED: Final = {"tensorflow": "avx", "numpy": "sse4_2"}

_BY_HAND: Final = "`python -m workers.preflight.child` repeats it by hand."


@dataclass(frozen=True)
class Healthy:
    #: `numpy`, `tensorflow`, `cv2` -> version.
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Diagnosis:
    code: Code
    #: What happened, in which stage.
    seen: str
    #: Why: which CPU feature, package, library or limit.
    cause: str
    #: What to do, with commands where there are any.
    remedy: str


def diagnose(evidence: Evidence, cpu_level: str, cpu_features: Set[str]) -> Healthy | Diagnosis:
    """The CPU as measured, without the operator's cap: archspec's level, features in /proc/cpuinfo's spelling."""
    if evidence.exit_code is None:
        return _timeout(evidence)
    done = {stage.name: stage for stage in evidence.stages if stage.seconds is not None}
    if evidence.exit_code == 0 and done.keys() >= set(STAGES):
        return Healthy({name.split()[0]: stage.version for name, stage in done.items() if stage.version})
    if evidence.signal_name == "SIGILL":
        return _illegal_instruction(evidence, cpu_level, cpu_features)
    return _by_text(evidence) or _by_ending(evidence)


def format_diagnosis(diagnosis: Diagnosis) -> str:
    """For the log: the code on the first line, then one line each."""
    return (
        f"preflight failed: {diagnosis.code}\n"
        f"  seen      {diagnosis.seen}\n"
        f"  cause     {diagnosis.cause}\n"
        f"  remedy    {diagnosis.remedy}"
    )


def _timeout(evidence: Evidence) -> Diagnosis:
    return Diagnosis(
        "timeout",
        f"{evidence.failing_stage} was not finished when the time limit of {evidence.timeout_s:g} s was over.",
        "This machine is too slow or too busy for that limit, reads its packages from a slow disk, or a library hangs.",
        "Start the worker again, now that the packages are in the disk cache, or with a longer "
        f"VEDETTE_PREFLIGHT_TIMEOUT. {_BY_HAND}",
    )


def _illegal_instruction(evidence: Evidence, cpu_level: str, cpu_features: Set[str]) -> Diagnosis:
    package = _package(evidence)
    needed = _X86_WHEELS_NEED.get(package, "")
    is_x86 = archspec.cpu.TARGETS[cpu_level].family.name == "x86_64"
    if is_x86 and needed and needed not in cpu_features:
        cause = f"The {package} wheel is built for CPUs with {needed}; this CPU ({cpu_level}) has no {needed}."
        return Diagnosis("cpu_lacks_instruction", _seen(evidence), cause, OTHER_CPU.format(package=package))
    although = f", although it has {needed}" if is_x86 and needed else ""
    return Diagnosis(
        "cpu_lacks_instruction",
        _seen(evidence),
        f"{package} uses an instruction that this CPU ({cpu_level}) lacks{although}: it was built for a "
        "newer CPU, or a virtual machine or emulator announces features that it does not execute.",
        f"Use the wheels from PyPI, which choose by CPU: {REINSTALL} "
        f"In a virtual machine, pass the host's CPU through. Otherwise: {OTHER_CPU.format(package=package)}",
    )


def _by_text(evidence: Evidence) -> Diagnosis | None:
    for symptom in SYMPTOMS:
        if matches := list(re.finditer(symptom.pattern, evidence.stderr_tail)):
            match = matches[-1]  # above it in a traceback may stand the line of source that raised it
            package, groups = _package(evidence), [" ".join(group.split()) for group in match.groups()]
            return Diagnosis(
                symptom.code,
                _seen(evidence, _line_of(match)),
                symptom.cause.format(*groups, package=package),
                symptom.remedy.format(*groups, package=package),
            )
    return None


def _by_ending(evidence: Evidence) -> Diagnosis:
    package = _package(evidence)
    match evidence.signal_name:
        case "SIGKILL":
            cause = "The kernel ends a process this way when memory runs out; TensorFlow takes 0.6 GB before any model."
            return Diagnosis("memory", _seen(evidence), cause, MORE_MEMORY)
        case "SIGTERM" | "SIGINT" | "SIGHUP":
            cause = "Somebody ended the preflight; nothing is known to be wrong with this machine."
            return Diagnosis("crash", _seen(evidence), cause, "Start the worker again.")
        case str():
            cause = (
                f"{package} crashed in native code: most often libraries that do not belong together "
                "(pip and conda mixed, a broken installation), sometimes an address-space limit (ulimit -v)."
            )
            remedy = f"In a fresh virtual environment: {REINSTALL} {_BY_HAND}"
            return Diagnosis("crash", _seen(evidence), cause, remedy)
        case None:
            last_line = next((line for line in reversed(evidence.stderr_tail.splitlines()) if line.strip()), "")
            cause = f"{package} does not work here, for a reason that Vedette does not know."
            return Diagnosis("failed", _seen(evidence, last_line), cause, f"{_BY_HAND} {REINSTALL} may help.")


def _seen(evidence: Evidence, line: str = "") -> str:
    if name := evidence.signal_name:
        ending = f"ended by {name}" + (f" ({SIGNALS[name]})" if name in SIGNALS else "")
    else:
        ending = f"ended with exit code {evidence.exit_code}"
    return f"{evidence.failing_stage} {ending}" + (f": {line.strip()[:300]}" if line else ".")


def _package(evidence: Evidence) -> str:
    """`tensorflow` of `tensorflow import`; ourselves where no stage had begun, or all were over."""
    stage = evidence.failing_stage
    return stage.split()[0] if stage in STAGES else "Vedette"


def _line_of(match: re.Match[str]) -> str:
    """The line that the match begins on."""
    begin = match.string.rfind("\n", 0, match.start()) + 1
    end = match.string.find("\n", match.start())
    return match.string[begin : None if end == -1 else end]
