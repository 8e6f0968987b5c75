"""When to look again."""

import time

from producer.polling import FIRST_S, LONGEST_S, SHORTEST_S, Deadline, Pace, Pause, sleeping


def test_looks_ever_more_seldom_until_there_is_news() -> None:
    pace = Pace()

    pauses = [pace.pause_s() for _ in range(30)]

    assert pauses[0] == FIRST_S
    assert sum(pause < SHORTEST_S for pause in pauses) <= 18
    assert all(pause <= 0.001 + sum(pauses[:n]) / 4 for n, pause in enumerate(pauses))
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_S

    pace.news()
    assert pace.pause_s() == SHORTEST_S


def test_never_pauses_past_the_deadline() -> None:
    deadline = Deadline(0.02)
    first = deadline.pause(5).seconds
    assert 0 < first <= 0.02

    time.sleep(first)

    assert deadline.over
    assert deadline.pause(5) == Pause(0)
    assert Deadline(None).pause(5) == Pause(5)


def test_pauses_are_slept_and_not_seen() -> None:
    began = time.monotonic()

    assert [*sleeping(iter(["a", Pause(0.05), "b", Pause(0.05)]))] == ["a", "b"]

    assert time.monotonic() - began >= 0.1


def test_no_timeout_is_no_deadline() -> None:
    assert not Deadline(None).over
    assert Deadline(0).over
