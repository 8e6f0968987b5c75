import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.memory import GIB, MIB
from workers.memory.admission import Admission, Budget
from workers.memory.blackbox import BlackBox
from workers.memory.reservation import Reservation, living_others
from workers.memory.sample import MemorySample


class Told:
    """A sampler that gives what it was told."""

    def __init__(self, anon_bytes: int = 500 * MIB, free_bytes: int = GIB) -> None:
        self.told = MemorySample(anon_bytes, free_bytes, "host memory", 0.0)

    def sample(self) -> MemorySample:
        return self.told


def take(amount_bytes: int, seen: list[Budget] | None = None) -> Callable[[Budget], Admission]:
    """Admits one image of this size where it fits."""

    def decide(budget: Budget) -> Admission:
        if seen is not None:
            seen.append(budget)
        fits = amount_bytes <= budget.available_bytes
        return Admission(int(fits), amount_bytes, budget.available_bytes)

    return decide


@pytest.fixture
def own(tmp_path: Path) -> BlackBox:
    box = BlackBox(tmp_path, os.getpid(), share_bytes=2 * GIB)
    box.begin("job", "task", 1, 8)
    return box


@pytest.fixture
def neighbour(tmp_path: Path) -> BlackBox:
    """Of a process that lives: this one's parent."""
    box = BlackBox(tmp_path, os.getppid(), share_bytes=2 * GIB)
    box.begin("job", "other", 1, 8)
    return box


def reservation(box: BlackBox, decide: Callable[[Budget], Admission], **options: int) -> Reservation:
    return Reservation(box, Told(), decide, reserve_bytes=options.pop("reserve_bytes", 0), **options)  # type: ignore[arg-type]


def test_the_promise_lasts_as_long_as_the_block(own: BlackBox) -> None:
    with reservation(own, take(300 * MIB)) as admission:
        assert admission.batch == 1
        assert (own.entry.promised_bytes, own.entry.anon_at_promise_bytes) == (300 * MIB, 500 * MIB)

    assert own.entry.promised_bytes == 0


def test_the_promise_ends_when_the_batch_fails_too(own: BlackBox) -> None:
    with pytest.raises(ValueError, match="the model"), reservation(own, take(300 * MIB)):
        raise ValueError("the model")

    assert own.entry.promised_bytes == 0


def test_what_does_not_fit_is_not_promised(own: BlackBox) -> None:
    with reservation(own, take(2 * GIB)) as admission:
        assert admission.batch == 0
        assert own.entry.promised_bytes == 0


def test_the_budget_is_share_machine_promises_and_reserve(own: BlackBox, neighbour: BlackBox) -> None:
    neighbour.promise(400 * MIB, anon_bytes=100 * MIB)
    seen: list[Budget] = []

    with reservation(own, take(1, seen), reserve_bytes=64 * MIB, resident_bytes=450 * MIB):
        pass

    assert seen == [Budget(2 * GIB, 500 * MIB, GIB, "host memory", 300 * MIB + 100 * MIB, 64 * MIB, 50 * MIB)]


def test_what_the_allocator_kept_is_not_promised_again(own: BlackBox) -> None:
    with reservation(own, take(300 * MIB), resident_bytes=420 * MIB):
        assert own.entry.promised_bytes == 220 * MIB


def test_two_slots_cannot_both_take_the_last_gib(own: BlackBox, neighbour: BlackBox) -> None:
    # Given a machine with 1 GiB free, and two slots that want 700 MiB each at the same moment
    both_asked = threading.Barrier(2)
    both_know = threading.Barrier(2)
    batches: list[int] = []

    def work(box: BlackBox) -> None:
        both_asked.wait(10)
        with reservation(box, take(700 * MIB)) as admission:
            batches.append(admission.batch)
            both_know.wait(10)

    threads = [threading.Thread(target=work, args=(box,)) for box in (own, neighbour)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    # Then one got it
    assert sorted(batches) == [0, 1]


def test_the_dead_hold_no_promises(own: BlackBox, tmp_path: Path) -> None:
    # Given boxes of a process that is gone, and of one that nobody has waited for
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    for pid in (gone.pid, zombie.pid):
        box = BlackBox(tmp_path, pid)
        box.begin("job", "other", 1, 8)
        box.promise(GIB, 0)

    assert living_others(own) == []
    zombie.wait()


def test_living_others_are_the_others(own: BlackBox, neighbour: BlackBox) -> None:
    assert living_others(own) == [neighbour.entry]
