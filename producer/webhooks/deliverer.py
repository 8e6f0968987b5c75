"""Takes what is due from the ledger, tells it, and says what came of it. There may be one in each gateway.

On an event loop. The ledger blocks, and is asked in a thread of its own, one call at a time.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import Final, TypeVar, assert_never

from anyio import CapacityLimiter, to_thread

from contract.errors import VedetteError, WebhookRefused
from contract.ledger import Ledger, Notice
from contract.settings import Settings
from contract.urls import shown_address
from contract.webhooks import webhook_reference
from producer.outage import answering
from producer.webhooks.payload import payload
from producer.webhooks.post import post
from producer.webhooks.secrets_file import HostSecrets, secrets_for
from producer.webhooks.signing import signed_headers
from producer.webhooks.step import Again, Delivered, GivenUp, Outcome, Step, Unanswered, next_step

log = logging.getLogger(__name__)

_SETTLE_TRIES: Final = 5

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Timing:
    #: How often the ledger is asked.
    poll_s: float = 1.0
    #: Of one attempt, from the resolver to the status.
    answer_s: float = 15.0
    #: Longer than one attempt and the word about it.
    lease: timedelta = timedelta(seconds=60)
    #: Attempts at the same time: as many jobs of one slow receiver do not keep others waiting.
    at_once: int = 64
    #: The first pause between attempts, at most.
    first_pause: timedelta = timedelta(seconds=5)
    #: How long attempts under way may go on when the gateway stops.
    grace_s: float = 3.0


class Deliverer:
    """`count` is called with what came of each attempt: `delivered`, `again`, `given_up`."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        secrets: Sequence[HostSecrets],
        timing: Timing | None = None,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._policy = settings.webhook_policy
        self._secrets = secrets
        self._timing = timing or Timing()
        self._count = count
        self._thread = CapacityLimiter(1)
        self._agent = f"vedette/{version('vedette')}"
        self._away = False

    async def run(self) -> None:
        """Until it is cancelled. What is under way then has a moment; else another one tells it when the lease ends."""
        telling: set[asyncio.Task[None]] = set()
        try:
            while True:
                free = self._timing.at_once - len(telling)
                for notice in await self._take(free):
                    task = asyncio.create_task(self._tell(notice))
                    telling.add(task)
                    task.add_done_callback(telling.discard)
                await asyncio.sleep(self._timing.poll_s)
        finally:
            if telling:
                _, slow = await asyncio.wait(telling, timeout=self._timing.grace_s)
                for task in slow:
                    task.cancel()
                await asyncio.gather(*slow, return_exceptions=True)

    async def _take(self, count: int) -> Sequence[Notice]:
        try:
            taken = await self._asked(partial(self._ledger.take_notices, count, self._timing.lease))
        except Exception as error:  # nobody would start it again
            if not self._away:
                log.warning("webhooks wait: %s", error, exc_info=not isinstance(error, VedetteError))
            self._away = True
            return ()
        self._away = False
        return taken

    async def _tell(self, notice: Notice) -> None:
        try:
            outcome = await self._attempt(notice)
        except Exception as error:  # a mistake of ours costs an attempt, and is told
            log.exception("the webhook of job %s could not be sent", notice.job)
            outcome = Unanswered(f"it could not be sent ({type(error).__name__})")
        step = next_step(
            outcome,
            notice,
            self._settings.webhook_patience,
            datetime.now(UTC),
            random.random(),
            self._timing.first_pause,
        )
        if await self._settled(notice, step):
            self._note(notice, step)

    async def _attempt(self, notice: Notice) -> Outcome:
        try:
            reference = webhook_reference(notice.url, self._policy)
        except WebhookRefused as refusal:  # submitted under other settings
            return Unanswered(str(refusal))
        secrets = secrets_for(self._secrets, reference)
        if not secrets:
            return Unanswered(f"VEDETTE_WEBHOOK_SECRETS_FILE has no entry for {reference.authority}")
        body = payload(notice)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            **signed_headers(notice.id, int(time.time()), body, secrets),
        }
        return await post(reference, self._policy, headers, body, self._timing.answer_s)

    async def _settled(self, notice: Notice, step: Step) -> bool:
        """False when somebody else has it, or nobody could be told: then it is told again, which receivers expect."""
        match step:
            case Delivered():
                call = partial(self._ledger.notice_delivered, notice)
            case Again(error, pause):
                call = partial(self._ledger.notice_failed, notice, error, pause)
            case GivenUp(error):
                call = partial(self._ledger.notice_given_up, notice, error)
            case _:
                assert_never(step)
        for _ in range(_SETTLE_TRIES):
            try:
                return await self._asked(call)
            except VedetteError:
                await asyncio.sleep(self._timing.poll_s)
        return False

    def _note(self, notice: Notice, step: Step) -> None:
        self._count({Delivered: "delivered", Again: "again", GivenUp: "given_up"}[type(step)])
        if isinstance(step, GivenUp):
            log.warning("the webhook of job %s at %s: %s", notice.job, shown_address(notice.url), step.error)

    async def _asked(self, call: Callable[[], Answer]) -> Answer:
        def answered() -> Answer:
            with answering(self._settings):
                return call()

        return await to_thread.run_sync(answered, limiter=self._thread)
