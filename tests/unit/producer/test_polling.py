"""When to look again."""

import time

from producer.polling import LONGEST_S, SHORTEST_S, Deadline, Pace


def test_looks_ever_more_seldom_until_there_is_news() -> None:
    pace = Pace()

    pauses = [pace.pause_s() for _ in range(10)]

    assert pauses[0] == SHORTEST_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_S

    pace.news()
    assert pace.pause_s() == SHORTEST_S


def test_never_sleeps_past_the_deadline() -> None:
    began = time.monotonic()

    deadline = Deadline(0.02)
    deadline.sleep(5)

    assert time.monotonic() - began < 1
    assert deadline.over


def test_no_timeout_is_no_deadline() -> None:
    assert not Deadline(None).over
    assert Deadline(0).over
