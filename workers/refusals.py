"""A message that is no doorbell: named in one log line and counted, never retried."""

import logging
from typing import Any

import redis
from celery.utils.log import get_logger

from contract.connection import connect
from contract.errors import MessageError
from contract.logs import tell
from contract.registry import Registry
from contract.settings import load_settings

logger = get_logger(__name__)


def refuse(reason: str, body: Any) -> None:
    """Counts and logs. The caller has taken the message off its queue, or acknowledges it."""
    settings = load_settings()
    try:
        count = f"{Registry(connect(settings, patient=False), settings).count_reject(MessageError.code)} so far"
    except redis.RedisError:
        count = "uncounted, Redis is away"
    text = "message refused (%s, %s): %s; it reads %.200r"
    tell(logger, logging.ERROR, "message_refused", text, MessageError.code, count, reason, body, code=MessageError.code)
