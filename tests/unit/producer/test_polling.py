"""When to look again."""

import time

from producer.polling import FIRST_S, LONGEST_S, SHORTEST_S, Deadline, Pace, Pause, slept


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


def test_the_first_result_may_end_a_longer_pause() -> None:
    assert Deadline(None).pause(0.001, first=True) == Pause(0.001, until_first_s=LONGEST_S)
    assert Deadline(0).pause(0.001, first=True) == Pause(0, until_first_s=0)
    assert Deadline(None).pause(0.001) == Pause(0.001, until_first_s=None)


def test_pauses_are_slept_and_not_seen() -> None:
    spent: list[Pause] = []

    assert [*slept(iter(["a", Pause(1), "b", Pause(2)]), spent.append)] == ["a", "b"]

    assert spent == [Pause(1), Pause(2)]
