"""Why a slot's process died. Pure: signal or exit code, the kernel's counts and the black box in, a verdict out.

Covers processes that are gone. What a living one raised is `workers.verdict`'s. Where the numbers come from: TensorFlow
2.21 on CPUs dies of SIGKILL in a memory cgroup and never otherwise; under RLIMIT_AS of SIGSEGV or SIGABRT, with up to
1000 MB still free, because what fails is one allocation of the order of the whole batch.
"""

import re
import signal
from dataclasses import dataclass
from typing import Final

from contract.ledger.records import Verdict
from contract.memory import GIB, MIB, format_bytes
from contract.vitals import Kill
from workers.memory.blackbox import Entry, Stage
from workers.memory.oom import OomKiller

#: Exit codes of a slot that ends itself: of no signal (128 + n), no shell (126, 127), no Python (1, 2, 120).
GUARD_EXIT: Final = 86
TIMEOUT_EXIT: Final = 87

#: SIGKILL that the kernel did not count is memory only at the very end of it.
SPENT_FREE_BYTES: Final = 64 * MIB
SPENT_SHARE: Final = 0.97
#: A failed allocation is memory also some way before the end, and where twice the batch's promise was not free.
NEAR_FREE_BYTES: Final = 256 * MIB
NEAR_SHARE: Final = 0.90
NEAR_PROMISES: Final = 2
#: A slot that used less of its share than this, and less than another, did not cause the shortage.
VICTIM_SHARE: Final = 0.60

_WORKER_LOST = re.compile(r"exited prematurely: (?:signal (?P<signal>\d+)|exitcode (?P<exit>-?\d+))")


@dataclass(frozen=True)
class DeathEvidence:
    #: One of the two is known, or neither when the process left no trace.
    signal: int | None = None
    exit_code: int | None = None
    #: None when it died before it had a black box.
    entry: Entry | None = None
    #: Who raised its count since the last death: `workers.memory.oom.killed_since`.
    oom: OomKiller | None = None
    #: `anon_bytes` of the other slots: those that live on, and those that died just before.
    others_anon_bytes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Death:
    verdict: Verdict
    #: For people: `SIGKILL by the kernel, 1.9 of 2.0 GiB`.
    detail: str
    #: Memory, but another process took it: the batch is not too large.
    victim: bool = False
    stage: Stage = "idle"
    #: Indexes of the images that were held.
    batch: tuple[int, ...] = ()
    by: Kill = "unknown"


def parse_worker_lost(text: str) -> tuple[int | None, int | None]:
    """(signal, exit code) of billiard's `Worker exited prematurely: signal 9 (SIGKILL) Job: 3.`, as far as it says."""
    found = _WORKER_LOST.search(text)
    if found is None:
        return None, None
    return (int(found["signal"]), None) if found["signal"] else (None, int(found["exit"]))


def classify(evidence: DeathEvidence) -> Death:
    """
    | how it ended          | with                                                      | verdict                    |
    |-----------------------|-----------------------------------------------------------|----------------------------|
    | anyhow                | the guard's or the deadline's last words in the box       | memory, timeout            |
    | exit code 86, 87      |                                                           | memory, timeout            |
    | SIGKILL               | an OOM kill counted in our cgroup                         | memory                     |
    | SIGKILL               | one on the machine, and near the limit (or no black box)  | memory                     |
    | SIGKILL               | none, but spent: < 64 MiB free, or ≥ 97 % of the share    | memory                     |
    | SIGKILL               | none of these                                             | crash: somebody killed it  |
    | SIGSEGV, ABRT, BUS    | near the limit: < 256 MiB or < 2 × its promise free, or   | memory                     |
    |                       | ≥ 90 % of the share                                       |                            |
    | SIGSEGV, ABRT, BUS    | elsewhere                                                 | crash                      |
    | SIGILL                |                                                           | cpu                        |
    | another signal, code  |                                                           | crash                      |
    | no trace              |                                                           | lost                       |

    A death of memory has a victim, not a culprit, when it held less than 60 % of its share and less than another slot.
    """
    entry = evidence.entry
    verdict, how = _verdict(evidence)
    victim = verdict == "memory" and _is_victim(entry, evidence.others_anon_bytes)
    parts = [how, _amount(entry)] if entry is not None else [how]
    if victim:
        parts.append("another slot held more")
    detail = ", ".join(filter(None, parts))
    by = killed_by(evidence, verdict)
    if entry is None:
        return Death(verdict, detail, victim, by=by)
    return Death(verdict, detail, victim, entry.stage, entry.batch, by)


def killed_by(evidence: DeathEvidence, verdict: Verdict) -> Kill:
    """
    | it died of           | and                 | by                 |
    |----------------------|---------------------|--------------------|
    | its own last words   |                     | guard, timeout     |
    | SIGKILL              | the verdict: memory | kernel             |
    | SIGKILL              | another one         | signal: somebody   |
    | another signal       |                     | signal             |
    | an exit code         |                     | exit               |
    | nothing that is seen |                     | unknown            |
    """
    ended_by = evidence.entry.ended_by if evidence.entry else ""
    if ended_by == "guard" or evidence.exit_code == GUARD_EXIT:
        return "guard"
    if ended_by == "timeout" or evidence.exit_code == TIMEOUT_EXIT:
        return "timeout"
    if evidence.signal is None:
        return "unknown" if evidence.exit_code is None else "exit"
    return "kernel" if evidence.signal == signal.SIGKILL and verdict == "memory" else "signal"


def _verdict(evidence: DeathEvidence) -> tuple[Verdict, str]:
    ended_by = evidence.entry.ended_by if evidence.entry else ""
    if ended_by == "guard" or evidence.exit_code == GUARD_EXIT:
        return "memory", "ended by the guard before the kernel would"
    if ended_by == "timeout" or evidence.exit_code == TIMEOUT_EXIT:
        return "timeout", "ended at its deadline"
    match evidence.signal:
        case None:
            if evidence.exit_code is None:
                return "lost", "gone without a trace"
            return "crash", f"left with exit code {evidence.exit_code}"
        case signal.SIGKILL:
            return _killed(evidence)
        case signal.SIGSEGV | signal.SIGABRT | signal.SIGBUS:
            name = signal.Signals(evidence.signal).name
            return ("memory", f"{name} at the memory limit") if _near_limit(evidence.entry) else ("crash", name)
        case signal.SIGILL:
            return "cpu", "SIGILL: the code has an instruction that this CPU lacks"
        case other:
            return "crash", _name(other)


def _killed(evidence: DeathEvidence) -> tuple[Verdict, str]:
    entry = evidence.entry
    if evidence.oom == "group":
        return "memory", "SIGKILL by the kernel"
    if evidence.oom == "host" and (entry is None or _near_limit(entry)):
        return "memory", "SIGKILL by the kernel, the whole machine being short"
    if entry is not None and _spent(entry):
        return "memory", "SIGKILL with the memory spent"
    return "crash", "SIGKILL, but not by the kernel for memory: kill -9 by an operator or a supervisor?"


def _spent(entry: Entry) -> bool:
    return _is_low(entry, SPENT_FREE_BYTES, SPENT_SHARE)


def _near_limit(entry: Entry | None) -> bool:
    if entry is None:
        return False
    return _is_low(entry, max(NEAR_FREE_BYTES, NEAR_PROMISES * entry.promised_bytes), NEAR_SHARE)


def _is_low(entry: Entry, free_bytes: int, share: float) -> bool:
    """Without a sample ("tightest" is empty) nothing is known, and nothing is claimed."""
    if not entry.tightest:
        return False
    return entry.free_bytes < free_bytes or 0 < share * entry.share_bytes <= entry.anon_bytes


def _is_victim(entry: Entry | None, others_anon_bytes: tuple[int, ...]) -> bool:
    """Against the last sample: it is 30 ms old, in which a process can touch 60 MiB, a small part of the 40 %."""
    if entry is None or not entry.tightest:
        return False
    return entry.anon_bytes < VICTIM_SHARE * entry.share_bytes and entry.anon_bytes < max(others_anon_bytes, default=0)


def _amount(entry: Entry) -> str:
    """`1.9 of 2.0 GiB`, `320 MiB of 2.0 GiB`: what it held of its share, when last seen."""
    if not entry.tightest:
        return ""
    if not entry.share_bytes:
        return format_bytes(entry.anon_bytes)
    held, share = format_bytes(entry.anon_bytes), format_bytes(entry.share_bytes)
    same_unit = (entry.anon_bytes >= GIB) == (entry.share_bytes >= GIB)
    return f"{held.split()[0]} of {share}" if same_unit else f"{held} of {share}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
