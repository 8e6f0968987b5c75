"""Follows a job to its end, or takes what there is: writes each result, counts it, shows how far it got."""

import time
from collections.abc import Callable
from typing import Final

from contract.errors import RedisUnreachable
from contract.ledger import JobStatus
from contract.messages import ImageResult
from producer import Job
from vedette.output import ResultFiles
from vedette.progress import Progress
from vedette.summary import Tally

#: Without a result for so long, ask whether anybody can run the job at all.
QUIET_S: Final = 5.0


def follow(
    job: Job,
    files: ResultFiles,
    tally: Tally,
    progress: Progress,
    *,
    to_the_end: bool = True,
    on_result: Callable[[int, ImageResult], None] | None = None,
    why: Callable[[JobStatus], str | None] | None = None,
) -> JobStatus:
    """The job's status at its end; when not `to_the_end`, once everything that is done now has been written.

    `on_result` is called with index and result of each image after it is written. `why` is asked when nothing
    comes, and what it says is shown once.
    """
    quiet = _Quiet(why, progress)
    status = None
    for update in job.watch():
        for index, result in update.results:
            files.write(index, result)
            tally.add(result)
            if on_result is not None:
                on_result(index, result)
        status = update.status
        progress.show(tally.done, tally.failed, status.total)
        if update.results:
            quiet.over()
        elif not to_the_end:
            break
        else:
            quiet.goes_on(status)
    assert status is not None, "watch yields at least once"
    return status


class _Quiet:
    """Asks why nothing comes: after `QUIET_S`, then again after each such time until there is an answer to show."""

    def __init__(self, why: Callable[[JobStatus], str | None] | None, progress: Progress) -> None:
        self._why = why
        self._progress = progress
        self._ask_at_s = time.monotonic() + QUIET_S
        self._told = False

    def over(self) -> None:
        self._ask_at_s = time.monotonic() + QUIET_S
        self._told = False

    def goes_on(self, status: JobStatus) -> None:
        if self._why is None or self._told or status.ended or time.monotonic() < self._ask_at_s:
            return
        self._ask_at_s = time.monotonic() + QUIET_S
        try:
            reason = self._why(status)
        except RedisUnreachable:  # a blip; `watch` is the one to say that it lasts
            return
        if reason is not None:
            self._progress.note(f"waiting: {reason}")
            self._told = True
