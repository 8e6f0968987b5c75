"""Deals with slots that died at work: finds out why, closes their attempts, rings again. Main process only.

Celery tells of the death (`workers.request`); the black box, the exit signal and the kernel's counter say why. Nothing
is lost when Redis is away at that moment: the case is kept and tried again, and the lease runs out anyway.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from celery.utils.log import get_logger

from contract.doorbell import ring
from contract.ledger import TaskRecord
from contract.messages import DetectMessage
from contract.outage import RedisTrouble
from contract.vitals import Kill
from workers.closing import Office, Settled, settle
from workers.ladder import Mishap
from workers.memory.blackbox import Entry, read_all, read_entry, remove
from workers.memory.death import DeathEvidence, classify, parse_worker_lost
from workers.memory.oom import OomCounter, OomCounts, killed_since

logger = get_logger(__name__)

#: Slots whose last words are no further apart died of the same shortage.
_SAME_SHORTAGE_S: Final = 2.0
_BURIED_MAX: Final = 16


@dataclass(frozen=True)
class _Case:
    """One death, or one MemoryError."""

    #: The tasks that it hit and are not closed yet, the one that Celery knows of first, with their attempts. 0 when the
    #: slot left no black box, or one of another attempt.
    attempts: tuple[tuple[str, int], ...]
    mishap: Mishap

    def after(self, settled: Settled | None) -> "_Case":
        """What is left of it when the first is dealt with. A death counts once, with the first that it cost work."""
        counted = self.mishap if settled is None else replace(self.mishap, killed_by=None)
        return _Case(self.attempts[1:], counted)


class Undertaker:
    def __init__(
        self,
        office: Office,
        boxes: Path,
        node: str,
        withdraw: Callable[[str, str], object],
        kills: Counter[Kill] | None = None,
    ) -> None:
        """`withdraw(queue, why)` stops the worker from taking work from a queue, at once. `kills` is counted up."""
        self.kills: Counter[Kill] = Counter() if kills is None else kills
        self._office = office
        self._boxes = boxes
        self._node = node
        self._withdraw = withdraw
        self._oom = OomCounter()
        self._oom_before: OomCounts = self._oom.read()
        self._open: list[_Case] = []
        #: Last words of the slots that died last: a victim may be found after its culprit.
        self._buried: deque[Entry] = deque(maxlen=_BURIED_MAX)

    def slot_died(self, task_id: str, pid: int | None, celerys_text: str) -> Settled | None:
        """What follows for the task that it had; None when that is not known yet, or nothing does."""
        entry = read_entry(self._boxes, pid) if pid is not None else None
        death = classify(self._evidence(entry, celerys_text))
        self.kills[death.by] += 1
        if pid is not None:
            remove(self._boxes, pid)
        if entry is not None:
            self._buried.append(entry)
        mine = entry if entry is not None and entry.task == task_id else None
        companions = mine.companions if mine is not None else {}
        mishap = Mishap(
            death.verdict,
            death.detail,
            stage="load" if mine is not None and mine.stage == "load" else "run",
            victim=death.victim,
            shared=bool(companions),
            batch=frozenset(death.batch if mine is not None else ()),
            killed_by=death.by,
            peak_bytes=max(mine.anon_bytes, mine.peak_anon_bytes) if mine is not None else None,
        )
        first = (task_id, mine.attempt if mine is not None else 0)
        self._open.append(_Case((first, *companions.items()), mishap))
        return self._close_what_is_open(task_id)

    def memory_ran_out(self, task_id: str, text: str) -> Settled | None:
        """A MemoryError escaped from the task; its slot lives on, and has forgotten what it held."""
        mishap = Mishap("memory", f"MemoryError: {text}" if text else "MemoryError")
        self._open.append(_Case(((task_id, 0),), mishap))
        return self._close_what_is_open(task_id)

    def work(self) -> None:
        """Cases that Redis was away for."""
        if self._open:
            self._close_what_is_open()

    def _evidence(self, entry: Entry | None, celerys_text: str) -> DeathEvidence:
        signal, exit_code = parse_worker_lost(celerys_text)
        killer = killed_since(self._oom_before, self._oom.read())
        self._oom_before = self._oom_before.less(killer)
        others = [other for other in read_all(self._boxes) if entry is None or other.pid != entry.pid]
        if entry is not None:
            others += [dead for dead in self._buried if abs(dead.written_s - entry.written_s) < _SAME_SHORTAGE_S]
        return DeathEvidence(
            signal=signal,
            exit_code=exit_code,
            entry=entry,
            oom=killer,
            others_anon_bytes=tuple(other.anon_bytes for other in others),
        )

    def _close_what_is_open(self, asked: str = "") -> Settled | None:
        """What became of the task `asked`; None when that is not known yet, or nothing did."""
        settled = None
        while self._open:
            case, became = self._open[0], None
            task, attempt = case.attempts[0]
            try:
                became = self._close(task, attempt, case.mishap)
                settled = became if task == asked else settled
            except RedisTrouble as error:
                logger.warning("Redis is away, task %s is closed later: %s", task, error)
                return settled
            except Exception:
                logger.exception("task %s could not be closed; its lease, or its silent bell, will", task)
            left = case.after(became)
            self._open[:1] = [left] if left.attempts else []
        return settled

    def _close(self, task_id: str, attempt: int, mishap: Mishap) -> Settled | None:
        task = self._office.ledger.task(task_id)
        if task is None:
            return None
        if task.state == "queued":  # died between taking the doorbell and claiming
            ring(
                self._office.app,
                _message(task),
                task.queue,
                retries=task.attempt,
                after="its slot died before it began",
            )
            return None
        if task.state != "running" or task.worker != self._node or attempt not in (0, task.attempt):
            return None  # somebody else's by now, or done
        if mishap.verdict == "cpu":
            self._withdraw(task.queue, f"{task.options.model}: {mishap.detail}")  # before anybody is rung for
        return settle(self._office, task, mishap)


def _message(task: TaskRecord) -> DetectMessage:
    return DetectMessage(job=task.job, task=task.task, model=task.options.model, batch_size=task.batch_size)
