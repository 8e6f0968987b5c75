"""A submitted job, as the one who waits for it sees it. It reads, cancels and forgets; workers do the rest."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

import redis

from contract.errors import WaitTimeout
from contract.ledger import Attempt, DeadLetter, JobState, JobStatus, Ledger
from contract.messages import ImageResult
from contract.settings import Settings
from producer.arguments import timeout_s
from producer.dead import letters_of
from producer.given import Given
from producer.outage import PATIENCE, outlast
from producer.polling import Deadline, Pace, Pause, slept

_PAGE: Final = 200
_PLACES: Final = 10_000

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Update:
    """What is new of a job. `status` is at least as old as `results`."""

    #: (index, result): the index counts the images as they were submitted, from 0. May be empty.
    results: tuple[tuple[int, ImageResult], ...]
    status: JobStatus
    #: The place in the order of completion where another `watch` would go on.
    cursor: int


class Job:
    """Get one from `Client.submit` or `Client.job`. Usable while its client is open.

    Every method raises JobUnknown when the job's lifetime is over, and RedisUnreachable when Redis has been away for
    longer than `patience`.
    """

    def __init__(self, job_id: str, ledger: Ledger, settings: Settings, patience: timedelta = PATIENCE) -> None:
        self.id = job_id
        self._ledger = ledger
        self._settings = settings
        self._patience = patience
        self._is_woken = True

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def status(self) -> JobStatus:
        return self._patiently(partial(self._ledger.status, self.id))

    def results(self, timeout: timedelta | float | None = None) -> Iterator[ImageResult]:
        """Every image's result, in the order of completion, as they come; ends when the job has ended.

        A cancelled or stopped job ends after the results it got. WaitTimeout when the job has not ended `timeout`
        (seconds) after the iteration began; results that are there are yielded before that. An image that is put back
        meanwhile (`Client.retry_dead`) comes again, with its new result.
        """
        for update in self.watch(timeout=timeout):
            for _, result in update.results:
                yield result

    def results_indexed(
        self, cursor: int = 0, timeout: timedelta | float | None = None
    ) -> Iterator[tuple[int, ImageResult]]:
        """Like `results`, from the `cursor`-th place on, each with the index of its image in the submission."""
        for update in self.watch(cursor, timeout):
            yield from update.results

    def watch(self, cursor: int = 0, timeout: timedelta | float | None = None) -> Iterator[Update]:
        """Looks at the job again and again, and yields every time, also when nothing is new: for progress bars."""
        return slept(self.watching(cursor, timeout), self.sleep)

    def watching(self, cursor: int = 0, timeout: timedelta | float | None = None) -> Iterator[Update | Pause]:
        """`watch` for a caller who has something else to do in the pauses."""
        if cursor < 0:
            raise ValueError(f"cursor={cursor}: expected 0 or more")
        return self._watch(cursor, Deadline(timeout_s(timeout)))

    def wait(self, timeout: timedelta | float | None = None) -> JobStatus:
        """The status once the job has ended; WaitTimeout says how far it got when it has not after `timeout`."""
        (status,) = slept(self.waiting(timeout), self.sleep)
        return status

    def waiting(self, timeout: timedelta | float | None = None) -> Iterator[JobStatus | Pause]:
        """`wait` for a caller who has something else to do in the pauses; the one status comes last."""
        return self._wait(Deadline(timeout_s(timeout)))

    def sleep(self, pause: Pause) -> None:
        """Spends a pause of `watching` or `waiting` in this thread; the first result ends it where Redis may tell."""
        if pause.until_first_s is None or not self._wait_for_first(pause.until_first_s):
            time.sleep(pause.seconds)

    def cancel(self) -> JobState:
        """Stops the job and gives the state it was in: 'open' means that it is cancelled now, others are unchanged.

        Results that are there stay; images that a worker has begun on are finished and thrown away.
        """
        return self._patiently(partial(self._ledger.cancel_job, self.id))

    def dead_letters(self) -> list[DeadLetter]:
        """Images that failed for another reason than their file, such as memory, in the order of submission.

        `attempts(letter.task)` tells what was tried, and `Client.retry_dead` puts them back.
        """
        self.status()
        return self._patiently(partial(self._ledger.dead, self.id))

    def drop_dead(self, images: Iterable[str] | None = None) -> int:
        """Forgets the dead letters of `images`, named as in the results, or all, and gives how many there were.

        Their failures stay among the results. InvalidArgument when an image has no dead letter.
        """
        letters = letters_of(self.dead_letters(), images, self.id)
        self._patiently(partial(self._ledger.drop_dead, self.id, [letter.index for letter in letters]))
        return len(letters)

    def attempts(self, task: str | None = None) -> list[Attempt]:
        """Every closed attempt at the job's tasks, or at one, oldest first. One read of Redis for each task.

        Of a job that is done, these are all. One that was cancelled or stopped may be worked on for a moment more.
        """
        tasks = [task] if task is not None else self._patiently(partial(self._ledger.tasks, self.id))
        return [attempt for task in tasks for attempt in self._patiently(partial(self._ledger.history, task))]

    def _wait(self, deadline: Deadline) -> Iterator[JobStatus | Pause]:
        pace, done = Pace(), 0
        while not (status := self.status()).ended:
            if status.done > done:
                pace.news()
            done = status.done
            self._check(deadline, status)
            yield deadline.pause(pace.pause_s(), first=not done)
        yield status

    def _watch(self, cursor: int, deadline: Deadline) -> Iterator[Update | Pause]:
        pace = Pace()
        given = self._given_before(cursor)
        again_until = 0  # places below it were read before
        while True:
            # In this order: what a job has when its end has been seen is all that it will have, unless put back.
            status, page = self._patiently(partial(self._ledger.look, self.id, cursor, _PAGE))
            again = cursor < again_until
            fresh = tuple(item for item in page.results if given.take(*item, again=again))
            # Failures that were all taken back, or images that were given: not the news that nothing is new.
            passed_over = not fresh and page.cursor > cursor
            cursor = page.cursor
            if passed_over:
                continue
            yield Update(fresh, status, cursor)
            if fresh:
                if status.ended and not (status.failed or again_until) and given.count >= status.done:
                    return  # nothing of it can be put back
                pace.news()
                continue
            if status.ended:
                if given.count >= status.done or again_until:
                    return
                # A failover took places back, and they were filled differently.
                again_until, cursor = max(cursor, 1), 0
                continue
            again_until = 0
            self._check(deadline, status)
            yield deadline.pause(pace.pause_s(), first=not cursor)

    def _wait_for_first(self, at_most_s: float) -> bool:
        """Blocks until the first result, or for `at_most_s`; False, at once, when Redis does not tell."""
        if not self._is_woken:
            return False
        try:
            self._ledger.wait_for_first(self.id, at_most_s)
        except redis.RedisError as error:  # the next look is patient, or says what is wrong
            # For good with a user that was made for an older Vedette.
            self._is_woken = not isinstance(error, redis.exceptions.NoPermissionError)
            return False
        return True

    def _given_before(self, cursor: int) -> Given:
        """What a reader had who has come as far as `cursor`."""
        given = Given()
        dead = set(self._patiently(partial(self._ledger.dead_indexes, self.id))) if cursor else set()
        for start in range(0, cursor, _PLACES):
            count = min(_PLACES, cursor - start)
            for index in self._patiently(partial(self._ledger.places, self.id, start, count)):
                given.note(index, dead=index in dead)
        return given

    def _check(self, deadline: Deadline, status: JobStatus) -> None:
        if deadline.over:
            failed = f", {status.failed} of them failed" if status.failed else ""
            raise WaitTimeout(
                f"job {self.id} has not ended after {deadline.timeout_s:g} s: {status.done} of {status.total} images "
                f"done{failed}. It goes on: wait again, or cancel it."
            )

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        return outlast(call, self._settings, self._patience)
