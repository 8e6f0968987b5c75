"""Every Redis key of Vedette, spelled in one place. docs/protocol.md says type, writer and lifetime of each."""

from typing import Final

PREFIX: Final = "vedette:"

# The ledger.
LEASES: Final = PREFIX + "leases"
QUEUES: Final = PREFIX + "queues"
# The registry.
MODELS: Final = PREFIX + "models"
ADVERTS: Final = PREFIX + "adverts"
PAST_ADVERTS: Final = PREFIX + "adverts:past"
# Uploads.
BLOBS: Final = PREFIX + "blobs"
BLOB_BYTES: Final = PREFIX + "blobs:bytes"
# Webhooks.
WEBHOOKS: Final = PREFIX + "webhooks"
WEBHOOKS_ATTENDED: Final = PREFIX + "webhooks:attended"
# Housekeeping.
REJECTS: Final = PREFIX + "rejects"
RECONCILER_LOCK: Final = PREFIX + "reconciler"
SUBMITTER_LOCK: Final = PREFIX + "submitter"


def bells(queue: str) -> str:
    return f"{PREFIX}bells:{queue}"


def job(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}"


def job_tasks(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}:tasks"


def job_results(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}:results"


def job_order(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}:order"


def job_dead(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}:dead"


def task(task_id: str) -> str:
    return f"{PREFIX}task:{task_id}"


def task_images(task_id: str) -> str:
    return f"{PREFIX}task:{task_id}:images"


def task_history(task_id: str) -> str:
    return f"{PREFIX}task:{task_id}:history"


def counts(model: str) -> str:
    return f"{PREFIX}counts:{model}"


def submission(job_id: str) -> str:
    return f"{PREFIX}submission:{job_id}"


def blob(digest: str) -> str:
    return f"{PREFIX}blob:{digest}"


def model(ref: str) -> str:
    return f"{PREFIX}model:{ref}"


def advert(node: str) -> str:
    return f"{PREFIX}advert:{node}"


def vitals(node: str) -> str:
    return f"{PREFIX}vitals:{node}"


def past_advert(node: str) -> str:
    return f"{PREFIX}adverts:past:{node}"


def drain(node: str) -> str:
    return f"{PREFIX}drain:{node}"


def learned(digest: str, worker_class: str) -> str:
    """`digest` without its `sha256:`, so that a colon separates the parts of a key and nothing else."""
    return f"{PREFIX}learned:{digest.removeprefix('sha256:')}:{worker_class}"


def gateway_rate(caller: str) -> str:
    return f"{PREFIX}gateway:rate:{caller}"


def gateway_jobs(caller: str) -> str:
    return f"{PREFIX}gateway:jobs:{caller}"


def gateway_idempotency(digest: str) -> str:
    return f"{PREFIX}gateway:idempotency:{digest}"
