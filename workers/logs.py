"""Celery sets its logging up as ever, with its options; what its lines look like is ours: `contract.logs`."""

import logging
from typing import Any

from contract.logs import dress
from contract.settings import load_settings


def dress_celerys(logger: logging.Logger, **_signal: Any) -> None:
    """Receiver of `after_setup_logger` and `after_setup_task_logger`. Slots are forked and have what they leave."""
    dress(logger.handlers, load_settings().log)
