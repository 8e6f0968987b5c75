"""Rows marked "notes" are real deaths of TensorFlow 2.21 detectors, with the limit at which they happened."""

import signal
from typing import Any

import pytest

from contract.memory import GIB, MIB
from workers.memory.blackbox import Entry
from workers.memory.death import (
    GUARD_EXIT,
    TIMEOUT_EXIT,
    Death,
    DeathEvidence,
    classify,
    parse_worker_lost,
)


def entry(anon: int = 300 * MIB, free: int = 8 * GIB, share: int = 2 * GIB, **fields: Any) -> Entry:
    return Entry(
        **{
            "pid": 5,
            "stage": "run",
            "batch": (3, 4),
            "batch_images": 2,
            "share_bytes": share,
            "anon_bytes": anon,
            "peak_anon_bytes": anon,
            "free_bytes": free,
            "tightest": "cgroup /a (memory.max)",
            **fields,
        }
    )


KILL, SEGV, ABRT, BUS, ILL = signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL
FULL = entry(anon=1945 * MIB, free=20 * MIB)
PROMISED = entry(anon=700 * MIB, free=900 * MIB, promised_bytes=920 * MIB, anon_at_promise_bytes=600 * MIB)


@pytest.mark.parametrize(
    ("evidence", "verdict", "detail"),
    [
        pytest.param(
            DeathEvidence(KILL, entry=FULL, oom="group"),
            "memory",
            "SIGKILL by the kernel, 1.9 of 2.0 GiB",
            id="cgroup limit",
        ),
        pytest.param(
            DeathEvidence(KILL, entry=entry(anon=500 * MIB, share=800 * MIB, free=0), oom="group"),
            "memory",
            "SIGKILL by the kernel, 500 of 800 MiB",
            id="notes: SSD-MobileNet killed in a cgroup of 600 MB",
        ),
        pytest.param(
            DeathEvidence(KILL, entry=entry(anon=300 * MIB), oom="group"),
            "memory",
            "SIGKILL by the kernel, 300 MiB of 2.0 GiB",
            id="the kernel's count outweighs a sample that came too early",
        ),
        pytest.param(DeathEvidence(KILL, oom="group"), "memory", "SIGKILL by the kernel", id="no black box yet"),
        pytest.param(
            DeathEvidence(KILL, entry=entry(free=200 * MIB), oom="host"),
            "memory",
            "SIGKILL by the kernel, the whole machine being short, 300 MiB of 2.0 GiB",
            id="host short",
        ),
        pytest.param(
            DeathEvidence(KILL, entry=entry(), oom="host"),
            "crash",
            "SIGKILL, but not by the kernel for memory: kill -9 by an operator or a supervisor?, 300 MiB of 2.0 GiB",
            id="the host's kill was somebody else's",
        ),
        pytest.param(
            DeathEvidence(KILL, entry=PROMISED, oom="host"),
            "memory",
            "SIGKILL by the kernel, the whole machine being short, 700 MiB of 2.0 GiB",
            id="host short of what was promised",
        ),
        pytest.param(DeathEvidence(KILL, oom="host"), "memory", None, id="host, no black box yet"),
        pytest.param(
            DeathEvidence(KILL, entry=entry(free=63 * MIB)),
            "memory",
            "SIGKILL with the memory spent, 300 MiB of 2.0 GiB",
            id="no count, nothing free",
        ),
        pytest.param(DeathEvidence(KILL, entry=entry(anon=1990 * MIB)), "memory", None, id="no count, share used up"),
        pytest.param(
            DeathEvidence(KILL, entry=entry(anon=1900 * MIB)), "crash", None, id="no count, 93 % of the share"
        ),
        pytest.param(DeathEvidence(KILL, entry=entry(free=64 * MIB)), "crash", None, id="no count, 64 MiB free"),
        pytest.param(DeathEvidence(KILL), "crash", None, id="kill -9, no black box"),
        pytest.param(DeathEvidence(KILL, entry=Entry(5, share_bytes=GIB)), "crash", None, id="kill -9, never sampled"),
        pytest.param(
            DeathEvidence(SEGV, entry=PROMISED),
            "memory",
            "SIGSEGV at the memory limit, 700 MiB of 2.0 GiB",
            id="notes: SSD, batch 32, RLIMIT_AS +900 MB",
        ),
        pytest.param(
            DeathEvidence(SEGV, entry=entry(free=300 * MIB, promised_bytes=290 * MIB)),
            "memory",
            None,
            id="notes: RetinaNet-SpineNet, batch 16, +300 MB",
        ),
        pytest.param(
            DeathEvidence(SEGV, entry=entry(free=1000 * MIB, promised_bytes=800 * MIB)),
            "memory",
            None,
            id="notes: RetinaNet-SpineNet, batch 64, +1000 MB",
        ),
        pytest.param(
            DeathEvidence(SEGV, entry=entry(free=200 * MIB, tightest="RLIMIT_AS")),
            "memory",
            None,
            id="notes: one image of 4000 × 4000, +200 MB",
        ),
        pytest.param(
            DeathEvidence(ABRT, entry=entry(free=128 * MIB)),
            "memory",
            "SIGABRT at the memory limit, 300 MiB of 2.0 GiB",
            id="notes: std::bad_alloc while building the input, +128 MB",
        ),
        pytest.param(DeathEvidence(BUS, entry=entry(anon=1850 * MIB)), "memory", None, id="SIGBUS, 90 % of the share"),
        pytest.param(DeathEvidence(SEGV, entry=entry()), "crash", "SIGSEGV, 300 MiB of 2.0 GiB", id="a bug"),
        pytest.param(
            DeathEvidence(SEGV, entry=entry(free=2 * GIB, promised_bytes=GIB)),
            "crash",
            None,
            id="twice the promise free",
        ),
        pytest.param(DeathEvidence(SEGV), "crash", "SIGSEGV", id="a bug before there is a black box"),
        pytest.param(DeathEvidence(ABRT, entry=entry(), oom="host"), "crash", None, id="another's kill is no excuse"),
        pytest.param(
            DeathEvidence(ILL, entry=FULL),
            "cpu",
            "SIGILL: the code has an instruction that this CPU lacks, 1.9 of 2.0 GiB",
            id="illegal instruction",
        ),
        pytest.param(
            DeathEvidence(exit_code=GUARD_EXIT, entry=FULL),
            "memory",
            "ended by the guard before the kernel would, 1.9 of 2.0 GiB",
            id="guard",
        ),
        pytest.param(DeathEvidence(exit_code=GUARD_EXIT), "memory", None, id="guard, black box lost"),
        pytest.param(
            DeathEvidence(KILL, entry=entry(ended_by="guard")), "memory", None, id="killed while the guard ended it"
        ),
        pytest.param(
            DeathEvidence(exit_code=TIMEOUT_EXIT, entry=FULL),
            "timeout",
            "ended at its deadline, 1.9 of 2.0 GiB",
            id="deadline",
        ),
        pytest.param(
            DeathEvidence(KILL, entry=entry(ended_by="timeout")), "timeout", None, id="killed at its deadline"
        ),
        pytest.param(DeathEvidence(signal.SIGTERM), "crash", "SIGTERM", id="another signal"),
        pytest.param(DeathEvidence(34), "crash", None, id="a signal without a name here"),
        pytest.param(
            DeathEvidence(exit_code=3, entry=FULL), "crash", "left with exit code 3, 1.9 of 2.0 GiB", id="exit 3"
        ),
        pytest.param(DeathEvidence(exit_code=0), "crash", "left with exit code 0", id="exit 0 amid a task"),
        pytest.param(DeathEvidence(), "lost", "gone without a trace", id="no trace"),
    ],
)
def test_verdict(evidence: DeathEvidence, verdict: str, detail: str | None) -> None:
    death = classify(evidence)

    assert death.verdict == verdict
    assert detail is None or death.detail == detail


@pytest.mark.parametrize(
    ("anon", "others", "victim"),
    [
        pytest.param(300 * MIB, (3 * GIB,), True, id="far below its share, another held more"),
        pytest.param(300 * MIB, (100 * MIB, 400 * MIB), True, id="one of two others held more"),
        pytest.param(1228 * MIB, (3 * GIB,), True, id="just below 60 %"),
        pytest.param(1229 * MIB, (3 * GIB,), False, id="60 % of its share"),
        pytest.param(300 * MIB, (200 * MIB,), False, id="the others held less"),
        pytest.param(300 * MIB, (), False, id="there is no other"),
    ],
)
def test_victim_and_culprit(anon: int, others: tuple[int, ...], victim: bool) -> None:
    death = classify(DeathEvidence(KILL, entry=entry(anon=anon), oom="group", others_anon_bytes=others))

    assert (death.verdict, death.victim) == ("memory", victim)
    assert death.detail.endswith(", another slot held more") == victim


def test_only_a_memory_death_has_a_victim() -> None:
    assert not classify(DeathEvidence(KILL, entry=entry(), others_anon_bytes=(9 * GIB,))).victim


def test_what_was_held_goes_with_it() -> None:
    assert classify(DeathEvidence(SEGV, entry=entry())) == Death(
        "crash", "SIGSEGV, 300 MiB of 2.0 GiB", stage="run", batch=(3, 4), by="signal"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Worker exited prematurely: signal 9 (SIGKILL) Job: 3.", (9, None)),
        ("Worker exited prematurely: signal 6 (SIGABRT) Job: 12.", (6, None)),
        ("Worker exited prematurely: signal 34 Job: 12.", (34, None)),
        ("Worker exited prematurely: exitcode 3 Job: 0.", (None, 3)),
        ("Worker exited prematurely: exitcode 86.", (None, 86)),
        ("Worker exited prematurely: exitcode None Job: 0.", (None, None)),
        ("Could not start worker processes", (None, None)),
    ],
)
def test_what_billiard_says_of_a_lost_child(text: str, expected: tuple[int | None, int | None]) -> None:
    assert parse_worker_lost(text) == expected


def test_billiard_still_says_it_so() -> None:
    common = pytest.importorskip("billiard.common")

    for status, expected in ((-9, (9, None)), (-11, (11, None)), (86, (None, 86))):
        text = f"Worker exited prematurely: {common.human_status(status)} Job: 7."
        assert parse_worker_lost(text) == expected


@pytest.mark.parametrize(
    ("evidence", "by"),
    [
        (DeathEvidence(exit_code=GUARD_EXIT), "guard"),
        (DeathEvidence(KILL, entry=entry(ended_by="guard")), "guard"),
        (DeathEvidence(exit_code=TIMEOUT_EXIT), "timeout"),
        (DeathEvidence(KILL, entry=FULL, oom="group"), "kernel"),
        (DeathEvidence(KILL, entry=FULL), "kernel"),
        (DeathEvidence(KILL, entry=entry()), "signal"),
        (DeathEvidence(SEGV, entry=FULL), "signal"),
        (DeathEvidence(ILL), "signal"),
        (DeathEvidence(exit_code=1), "exit"),
        (DeathEvidence(), "unknown"),
    ],
)
def test_who_ended_it(evidence: DeathEvidence, by: str) -> None:
    assert classify(evidence).by == by
