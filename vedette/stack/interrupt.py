"""Ctrl-C and SIGTERM as a question to ask, so that a stack is stopped in its order and not torn apart."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signal() -> Iterator[Callable[[], bool]]:
    """Gives `stopped()`. Before it is asked for the first time, a signal interrupts with KeyboardInterrupt.

    So a start that hangs can be ended as well as a stack that runs; a second signal while stopping changes nothing.
    """
    seen = False
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        first, seen = not seen, True
        if first and not asked:
            raise KeyboardInterrupt

    def stopped() -> bool:
        nonlocal asked
        asked = True
        return seen

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
