"""What all verbs of the ledger share: the connection, the scripts, the lifetimes."""

from datetime import timedelta
from typing import Final

import redis

from contract.errors import JobUnknown
from contract.ledger.scripts import Scripts
from contract.settings import Settings

#: How often an open job with a webhook is looked at: who closes it may be older than webhooks, and not say so.
WATCH_MS: Final = 30_000


class LedgerBase:
    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._redis = client
        self._scripts = Scripts(client)
        self._lifetime_ms = to_ms(settings.result_lifetime)
        self._shared_lifetime_ms = to_ms(settings.registry_lifetime)
        self._upload_lifetime_ms = to_ms(settings.blob_lifetime)


def to_ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def unknown_job(job: str) -> JobUnknown:
    return JobUnknown(f"unknown job {job!r}: it was never submitted here, or its results are past their lifetime")
