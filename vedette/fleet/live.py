"""The page in a terminal, drawn anew every few seconds. A Redis that is away is told of, and tried again."""

import time
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console
from rich.live import Live

from contract.errors import RedisUnreachable
from producer.errors import RedisRefused
from producer.fleet import FleetView
from vedette.fleet.amounts import age
from vedette.fleet.page import FleetPage


class Watch:
    """What the page shows now: what was seen last, and what keeps it from being of now."""

    def __init__(
        self, look: Callable[[], FleetView], *, each: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._each = each
        self._clock = clock
        self._view: FleetView | None = None
        self._seen_s = 0.0

    def page(self) -> FleetPage:
        trouble = None
        try:
            self._view, self._seen_s = self._look(), self._clock()
        except (RedisUnreachable, RedisRefused) as error:
            trouble = f"{str(error).splitlines()[0]}\ntrying again"
            if self._view is not None:
                trouble += f"; below is what was there {age(self._clock() - self._seen_s)} ago"
        return FleetPage(self._view, each=self._each, trouble=trouble)


def watch(watched: Watch, console: Console, every_s: float) -> None:
    """Until Ctrl-C; the last page stays on the terminal."""
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(watched.page(), refresh=True)
            time.sleep(every_s)
