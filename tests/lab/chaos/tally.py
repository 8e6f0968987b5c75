"""What became of each image, and whether that is what was promised. Pure: values out of the ledger in, a tally out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from contract.ledger import Attempt, JobStatus
from contract.messages import FailureCode, ImageResult
from tests.lab.chaos.orders import Asked, Submitted

#: What may end any image's life when kills have used up its attempts or no machine is large enough.
_OF_CHAOS: Final[frozenset[FailureCode]] = frozenset({"memory", "crash", "lost", "timeout"})


@dataclass(frozen=True)
class JobRecord:
    """A submitted job and all that the ledger says of it in the end."""

    submitted: Submitted
    status: JobStatus
    #: Indexes in the order of completion, as they stand in Redis.
    order: Sequence[str]
    results: Mapping[int, ImageResult]
    #: Indexes that have a dead letter.
    dead: frozenset[int]
    attempts: Sequence[Attempt]


@dataclass(frozen=True)
class Wrong:
    """One image, or one job, of which a promise was broken."""

    job: str
    index: int | None
    what: str


@dataclass
class Tally:
    jobs: int = 0
    submitted: int = 0
    #: "processed", "made coarser", then failure codes.
    results: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    #: Verdicts of failed attempts, "done", "handed back: …".
    attempts: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    twice: int = 0
    wrong: list[Wrong] = field(default_factory=list)


def tally(records: Iterable[JobRecord]) -> Tally:
    total = Tally()
    for record in records:
        _add(total, record)
    return total


def _add(total: Tally, record: JobRecord) -> None:
    asked = record.submitted.images
    total.jobs += 1
    total.submitted += len(asked)
    total.results.update(map(_kind, record.results.values()))
    total.dead_letters.update(_code(record.results[index]) for index in record.dead if index in record.results)
    total.attempts.update(attempt.verdict or attempt.outcome for attempt in record.attempts)
    lost = [index for index in range(len(asked)) if index not in record.results]
    twice = [index for index, times in Counter(map(int, record.order)).items() if times > 1]
    total.lost += len(lost)
    total.twice += len(twice)
    job = record.submitted.job
    total.wrong += [Wrong(job, index, "has no result") for index in lost]
    total.wrong += [Wrong(job, index, "was recorded twice") for index in twice]
    total.wrong += [Wrong(job, None, what) for what in _wrong_counts(record)]
    for index, result in record.results.items():
        what = f"is no image of the job: {result}" if index >= len(asked) else _wrong_result(asked[index], result)
        if what:
            total.wrong.append(Wrong(job, index, what))


def _kind(result: ImageResult) -> str:
    if not result.ok:
        return _code(result)
    return "made coarser" if result.degraded else "processed"


def _code(result: ImageResult) -> str:
    return result.failure.code if result.failure is not None else "none"


def _wrong_counts(record: JobRecord) -> list[str]:
    status, results = record.status, record.results.values()
    succeeded = sum(result.ok for result in results)
    failed = len(record.results) - succeeded
    dead = {index for index, result in record.results.items() if result.dead}
    said = {
        f"state {status.state}": status.state == "done",
        f"total {status.total}, {len(record.submitted.images)} submitted": status.total == len(record.submitted.images),
        f"succeeded {status.succeeded}, {succeeded} results": status.succeeded == succeeded,
        f"failed {status.failed}, {failed} failures": status.failed == failed,
        f"order of {len(record.order)}, {len(record.results)} results": set(map(int, record.order))
        == set(record.results),
        f"dead letters of {sorted(record.dead ^ dead)} and their failures differ": record.dead == dead,
    }
    return [text for text, right in said.items() if not right]


def _wrong_result(asked: Asked, result: ImageResult) -> str:
    """'' when it is a result that this image may have."""
    expected = asked.picture.code
    if result.image != asked.name:
        return f"is {asked.name} and has the result of {result.image}"
    if result.failure is not None:
        right = result.failure.code in _OF_CHAOS or result.failure.code == expected
        return "" if right else f"({asked.name}) failed with {result.failure.code}: {result.failure.message}"
    if expected is not None:
        return f"({asked.name}) was processed; expected {expected}"
    return ""
