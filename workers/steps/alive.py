"""The sign of life for health checks of containers: a file whose age says when the event loop last turned.

`celery inspect ping` would say the same, but is a second Python of 75 MB inside the container's memory limit, and asks
Redis: were that away, every worker would count as sick. This file is looked at by `find`, and by nothing else.
"""

from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.utils.log import get_logger

from contract.settings import load_settings
from workers.findings import findings
from workers.memory.blackbox import read_all

logger = get_logger(__name__)


class Alive(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Consumer bootstep: touches VEDETTE_ALIVE_FILE at each upkeep, from when every slot is open; without it, nothing.

    It stands still while the consumer connects to a Redis that is away: a check that restarts must be patient.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        settings = load_settings()
        self._file: Path | None = settings.alive_file
        self._every_s = settings.upkeep.total_seconds()
        self._timer: Any = None
        self._open = False
        self._complained = False

    def start(self, consumer: Any) -> None:
        if self._file is not None:
            self._timer = consumer.timer.call_repeatedly(self._every_s, self._touch, (self._file,))

    def stop(self, _consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _touch(self, file: Path) -> None:
        self._open = self._open or len(read_all(findings().boxes)) >= findings().capability.slots
        if not self._open:
            return
        try:
            file.touch()
        except OSError as error:
            if not self._complained:
                logger.error("VEDETTE_ALIVE_FILE=%s cannot be touched: %s", file, error.strerror)
            self._complained = True
