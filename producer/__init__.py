"""What other services use to have images looked at.

    from producer import Client

    with Client("redis://localhost:6379/0") as client:
        job = client.submit(["a.jpg", "b.jpg"], model="defects-small")
        for result in job.results():
            print(result.image, result.detections if result.ok else result.failure)

It needs neither TensorFlow nor OpenCV nor NumPy: images travel as references, and workers open them.
"""

from contract.errors import (
    BlobsFull,
    JobClosed,
    JobUnknown,
    ModelUnknown,
    NoCapableWorker,
    RedisUnreachable,
    SettingsError,
    VedetteError,
    WaitTimeout,
    WebhookRefused,
)
from contract.ledger import Attempt, DeadLetter, JobStatus, WebhookStatus
from contract.messages import Detection, Failure, ImageResult
from producer.async_client import AsyncClient
from producer.async_job import AsyncJob
from producer.client import Client
from producer.errors import InvalidArgument, NotReplicated, RedisRefused
from producer.job import Job, Update

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Attempt",
    "BlobsFull",
    "Client",
    "DeadLetter",
    "Detection",
    "Failure",
    "ImageResult",
    "InvalidArgument",
    "Job",
    "JobClosed",
    "JobStatus",
    "JobUnknown",
    "ModelUnknown",
    "NoCapableWorker",
    "NotReplicated",
    "RedisRefused",
    "RedisUnreachable",
    "SettingsError",
    "Update",
    "VedetteError",
    "WaitTimeout",
    "WebhookRefused",
    "WebhookStatus",
]
