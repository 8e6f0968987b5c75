"""The end of a submission: Redis has all that it acknowledged, and behind Sentinel a replica has it too.

Redis acknowledges a write before its replicas have it, so a failover loses the last writes. `submit` promises more than
that. Each task raises the job's count of images in the same step, so a count that is short tells of a failover in the
middle of the submission; and what a replica has confirmed is on the one that will be chosen, for that has most.
"""

from datetime import timedelta
from functools import partial

from contract.connection import shown_url
from contract.errors import JobClosed, JobUnknown
from contract.ledger import Ledger
from contract.settings import Settings
from producer.errors import NotReplicated
from producer.outage import outlast
from producer.polling import Deadline


def seal(ledger: Ledger, job_id: str, images: int, settings: Settings, patience: timedelta) -> None:
    """Seals a job of `images` images; NotReplicated when Redis has fewer of them, or a failover could take some."""
    replicas = settings.sentinel.replicas if settings.sentinel is not None else 0
    deadline = Deadline(patience.total_seconds())
    while True:
        try:
            sealed = outlast(partial(ledger.seal_job, job_id, images, replicas), settings, patience)
        except JobUnknown:
            raise _lost(job_id, settings) from None
        if sealed.images != images:
            raise NotReplicated(
                f"Redis at {shown_url(settings.redis_url)} has lost {images - sealed.images} of the {images} images of "
                f"job {job_id} while it was being submitted: it failed over, or was restarted without its last writes."
            )
        if sealed.replicas >= replicas:
            return
        if deadline.over:
            raise NotReplicated(
                f"{sealed.replicas} of {replicas} replicas of Redis at {shown_url(settings.redis_url)} confirmed job "
                f"{job_id} in {patience.total_seconds():g} s: the next failover could lose it. Bring a replica back, "
                "or accept that with ?replicas=0 in the address."
            )


def why_closed(
    error: JobClosed, ledger: Ledger, job_id: str, settings: Settings, patience: timedelta
) -> NotReplicated | JobClosed:
    """What to say when the job takes no more images: `error`, or that Redis has lost it."""
    try:
        outlast(partial(ledger.status, job_id), settings, patience)
    except JobUnknown:
        return _lost(job_id, settings)
    return error


def _lost(job_id: str, settings: Settings) -> NotReplicated:
    return NotReplicated(
        f"Redis at {shown_url(settings.redis_url)} has lost job {job_id} while it was being submitted: it failed over, "
        "or was restarted without its last writes. Submit it again."
    )
