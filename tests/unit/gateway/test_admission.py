"""Who is told that the queue is too long when many ask a fleet slower than its profile: played, not waited for."""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from itertools import count

import pytest

from producer.gateway.pace import Pace
from producer.gateway.waiting_time import expected_wait_s

#: A thousand images a second, says the profile.
PROFILE_S = 0.001
#: Of a client that was refused, and the most that a request waits for its decision.
PAUSE_S, DECISION_S = 0.1, 0.02


class Played:
    """Clients that each ask again as soon as they are answered; a fleet that takes what comes first."""

    def __init__(self, clients: int, images_per_s: float, deadline_s: float, slots: int) -> None:
        self.now_s = 0.0
        #: Since when something has been so, to how often each answer came since.
        self.answers: list[tuple[float, int]] = []
        self._image_s, self._deadline_s, self._slots = slots / images_per_s, deadline_s, slots
        self._draw = random.Random(7)
        self._order, self._agenda = count(), list[tuple[float, int, Callable[[], None]]]()
        self._pace = Pace(0.0)
        self._queue: deque[set[str]] = deque()
        self._busy = 0
        for _ in range(clients):
            self._in(self._draw.random(), self._ask)

    def run(self, until_s: float) -> None:
        while self._agenda[0][0] < until_s:
            self.now_s, _, act = heapq.heappop(self._agenda)
            act()

    def _in(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now_s + seconds, next(self._order), act))

    def _ask(self) -> None:
        self._in(self._draw.random() * DECISION_S, self._decide)

    def _decide(self) -> None:
        queued, rate = len(self._queue), self._pace.images_per_s(self.now_s)
        if expected_wait_s(queued, self._pace.on_the_way, self._slots, PROFILE_S, rate) > self._deadline_s:
            self._answer(429)
            return
        self._pace.sent(self.now_s, 1, self._slots)
        waiting = {"waits"}
        self._queue.append(waiting)
        self._in(self._deadline_s, lambda: self._end(waiting, 504))
        self._start()

    def _start(self) -> None:
        while self._busy < self._slots and self._queue:
            if waiting := self._queue.popleft():
                self._busy += 1
                self._in(self._image_s * self._draw.uniform(0.2, 1.8), lambda taken=waiting: self._finish(taken))

    def _finish(self, waiting: set[str]) -> None:
        self._busy -= 1
        self._end(waiting, 200)
        self._start()

    def _end(self, waiting: set[str], status: int) -> None:
        if waiting:
            waiting.clear()
            self._pace.ended(self.now_s, 1, done=int(status == 200))
            self._answer(status)

    def _answer(self, status: int) -> None:
        self.answers.append((self.now_s, status))
        self._in(0 if status == 200 else PAUSE_S, self._ask)


@pytest.mark.parametrize("slots", [1, 8])
@pytest.mark.parametrize(
    ("clients", "images_per_s", "deadline_s"),
    [(100, 20, 2), (200, 15, 10), (500, 30, 10), (200, 15, 3), (50, 2, 30)],
)
def test_whoever_would_wait_in_vain_is_told_at_once_and_the_fleet_stays_busy(
    clients: int, images_per_s: float, deadline_s: float, slots: int
) -> None:
    played = Played(clients, images_per_s, deadline_s, slots)
    played.run(10 + 3 * deadline_s)  # those who came first could not know
    known_s = played.now_s
    played.run(known_s + 60)

    seen = Counter(status for at_s, status in played.answers if at_s > known_s)
    assert seen[200] > 0.85 * 60 * images_per_s, "it does what it can"
    assert seen[504] < 0.05 * seen[200]
    assert seen[429] > seen[200]


def test_where_there_is_time_for_all_nobody_is_refused() -> None:
    played = Played(clients=100, images_per_s=20, deadline_s=10, slots=2)
    played.run(90)

    seen = Counter(status for _, status in played.answers)
    assert set(seen) == {200}
