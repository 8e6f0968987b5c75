"""What all verbs of the ledger share: the connection, the scripts, the lifetimes."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import redis
from redis.client import Pipeline

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

    def _at_once(self, calls: Sequence[Callable[[Pipeline | None], Any]]) -> list[Any]:
        """Answers of scripts that may be called twice, in one round trip, one after the other."""
        if len(calls) == 1:
            return [calls[0](None)]
        try:
            return self._pipelined(calls)
        except redis.exceptions.NoScriptError:  # Redis was restarted after it was asked for its scripts
            return self._pipelined(calls)

    def _pipelined(self, calls: Sequence[Callable[[Pipeline | None], Any]]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                call(pipe)
            answers: list[Any] = pipe.execute()
        return answers


def to_ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def unknown_job(job: str) -> JobUnknown:
    return JobUnknown(f"unknown job {job!r}: it was never submitted here, or its results are past their lifetime")
