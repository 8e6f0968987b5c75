"""The ledger's verbs about webhooks: whose end is to be told, to whom, and what came of it.

That a job's end is to be told is marked in the step in which its last image is recorded, or it is cancelled. One who
delivers takes it with a lease, so that several may, and one that dies costs time. An end that was not settled is told
again, under the same id.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from contract import keys
from contract.ledger.base import WATCH_MS, LedgerBase, to_ms
from contract.ledger.records import JobState, WebhookStatus
from contract.urls import shown_address

#: How long after the last look of a deliverer webhooks count as attended to. They look every second or so.
_ATTENDED_MS: Final = 30_000


@dataclass(frozen=True)
class Notice:
    """The end of a job, as its webhook is to be told of it now."""

    job: str
    url: str
    state: JobState
    model: str
    total: int
    succeeded: int
    failed: int
    created_ms: int
    #: When the job ended; a job that is put back and ends again has another end.
    finished_ms: int
    #: 1 for the first.
    attempt: int
    #: Since the first attempt, by Redis' clock.
    since_first: timedelta

    @property
    def id(self) -> str:
        """The same for every attempt at telling this end."""
        return f"{self.job}-{self.finished_ms}"


class Webhooks(LedgerBase):
    def take_notices(self, count: int, lease: timedelta) -> list[Notice]:
        """At most `count` ends that are to be told now; nobody else is given them for `lease`."""
        taken = self._scripts.take_notices(
            [keys.WEBHOOKS, keys.WEBHOOKS_ATTENDED],
            [to_ms(lease), WATCH_MS, count, keys.job("%s"), self._shared_lifetime_ms, _ATTENDED_MS],
        )
        return [_notice(*answer) for answer in taken]

    def notice_delivered(self, notice: Notice) -> bool:
        """Whether that counts: False when it was taken by somebody else meanwhile. So for the next two."""
        return self._settle(notice, "delivered", "", 0)

    def notice_failed(self, notice: Notice, error: str, again_in: timedelta) -> bool:
        return self._settle(notice, "due", error, to_ms(again_in))

    def notice_given_up(self, notice: Notice, error: str) -> bool:
        return self._settle(notice, "given_up", error, 0)

    def _settle(self, notice: Notice, state: str, error: str, again_ms: int) -> bool:
        arguments = [notice.job, notice.finished_ms, notice.attempt, state, error, again_ms, WATCH_MS, keys.job("%s")]
        return bool(self._scripts.settle_notice([keys.WEBHOOKS], arguments))

    def _webhook_status(self, fields: Mapping[str, str]) -> WebhookStatus | None:
        """Out of the fields of a job; asks Redis only about one that is due."""
        if "webhook" not in fields:
            return None
        shown = shown_address(fields["webhook"])
        told = "finished_ms" in fields and fields.get("webhook_end") == fields["finished_ms"]
        if fields["state"] == "open":
            return WebhookStatus(url=shown, state="waiting")
        state = fields.get("webhook_state", "due") if told else "due"
        if state == "due" and not self._redis.exists(keys.WEBHOOKS_ATTENDED):
            state = "unattended"
        return WebhookStatus.model_validate(
            {
                "url": shown,
                "state": state,
                "attempts": int(fields["webhook_attempts"]) if told else 0,
                "last_error": fields.get("webhook_error") if told else None,
            }
        )


def _notice(job: str, now_ms: int, *pairs: str) -> Notice:
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Notice(
        job=job,
        url=fields["webhook"],
        state=fields["state"],  # type: ignore[arg-type]  # written by our own Lua
        model=json.loads(fields["options"])["model"],  # also of a newer Vedette
        total=int(fields["total"]),
        succeeded=int(fields["succeeded"]),
        failed=int(fields["failed"]),
        created_ms=int(fields["created_ms"]),
        finished_ms=int(fields["finished_ms"]),
        attempt=int(fields["webhook_attempts"]),
        since_first=timedelta(milliseconds=int(now_ms) - int(fields["webhook_first_ms"])),
    )
