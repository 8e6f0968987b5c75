"""How fast images come back at present, as a gateway sees it. The caller tells the time.

A model's profile says what one slot did when nothing else ran; a machine that is busy, slower or at another model does
less. So the gateway counts what comes back while it has more images on the way than slots can hold: only then does the
fleet, and not who asks, decide how many that are. By Little's law, those on the way over those that come back in a
second are the seconds that each takes, whoever else has images in the same queue.
"""

import threading
from typing import Final

#: So many on the way for each slot, one that runs and one that waits, keep it busy.
PER_SLOT: Final = 2
#: What was seen this long ago counts half.
_HALF_LIFE_S: Final = 10.0
#: Before so much has been seen, nothing is said.
_ENOUGH_S: Final = 3.0
#: After so long without a busy moment, nothing is known any more.
_FORGOTTEN_S: Final = 60.0


class Pace:
    """Of one model. Threads may share it."""

    def __init__(self, now_s: float) -> None:
        self._lock = threading.Lock()
        #: Images that were submitted here, and that somebody still waits for.
        self.on_the_way = 0
        self._slots = 0
        self._at_s = now_s
        self._busy_at_s = now_s
        #: Both with what is older counting less.
        self._busy_s = 0.0
        self._done = 0.0

    def sent(self, now_s: float, images: int, slots: int) -> None:
        """`images` are on their way; `slots` of live workers can take them."""
        with self._lock:
            self._note(now_s, 0)
            self._slots = slots
            self.on_the_way += images

    def ended(self, now_s: float, images: int, done: int) -> None:
        """Nobody waits for `images` any more; `done` of them have come back."""
        with self._lock:
            self._note(now_s, done)
            self.on_the_way -= images

    def images_per_s(self, now_s: float) -> float | None:
        """None when it is not known. Where nothing has come back yet, the most that it may be."""
        with self._lock:
            if self._busy_s < _ENOUGH_S or now_s - self._busy_at_s > _FORGOTTEN_S:
                return None
            return max(1.0, self._done) / self._busy_s

    def _note(self, now_s: float, done: int) -> None:
        passed_s, self._at_s = max(0.0, now_s - self._at_s), now_s
        if self.on_the_way <= PER_SLOT * self._slots:
            return
        kept = 0.5 ** (passed_s / _HALF_LIFE_S)
        self._busy_s = self._busy_s * kept + passed_s
        self._done = self._done * kept + done
        self._busy_at_s = now_s
