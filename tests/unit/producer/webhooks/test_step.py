"""What follows from an answer of a receiver, or from none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contract.ledger import Notice
from producer.webhooks.step import Again, Answered, Delivered, GivenUp, Unanswered, backoff, next_step, retry_after

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def notice(attempt: int = 1, since_first: timedelta = timedelta(0), **fields: Any) -> Notice:
    return Notice(
        **{
            "job": "job-1",
            "url": "https://hooks.example.org/",
            "state": "done",
            "model": "defects-small@1",
            "total": 3,
            "succeeded": 2,
            "failed": 1,
            "created_ms": 1_700_000_000_000,
            "finished_ms": 1_700_000_060_123,
            "attempt": attempt,
            "since_first": since_first,
            **fields,
        }
    )


def step(outcome, attempt=1, since_first=timedelta(0), chance=1.0):
    return next_step(outcome, notice(attempt, since_first), DAY, NOW, chance)


def seconds(number):
    return timedelta(seconds=number)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_delivered(status):
    assert step(Answered(status)) == Delivered()
    assert step(Answered(status), attempt=40, since_first=DAY * 2) == Delivered()


@pytest.mark.parametrize(
    ("outcome", "error", "pause"),
    [
        (Answered(500), "HTTP 500", 5),
        (Answered(400), "HTTP 400", 5),
        (Answered(404), "HTTP 404", 5),
        (Answered(302), "HTTP 302, a redirect: none is followed", 5),
        (Unanswered("no answer in 15 s"), "no answer in 15 s", 5),
        (Answered(503, "120"), "HTTP 503", 120),
        (Answered(429, "2"), "HTTP 429", 5),  # not sooner than without
        (Answered(429, "Tue, 24 Nov 2026 12:30:00 GMT"), "HTTP 429", 1800),
        (Answered(503, "soon"), "HTTP 503", 5),
    ],
)
def test_a_failure_is_told_again(outcome, error, pause):
    assert step(outcome) == Again(error, seconds(pause))


@pytest.mark.parametrize(
    ("outcome", "attempt", "since_first", "error"),
    [
        (Answered(410), 1, seconds(0), "HTTP 410: the receiver wants no more"),
        (Answered(410, "5"), 1, seconds(0), "HTTP 410: the receiver wants no more"),
        (Answered(500), 33, DAY - seconds(60), "HTTP 500; given up after 23 h and 33 attempts"),
        (Unanswered("no answer"), 3, DAY, "no answer; given up after 24 h and 3 attempts"),
        (Answered(503, "99999999"), 1, seconds(0), "HTTP 503; given up after 0 s and 1 attempts"),
        (Answered(503, "9" * 30), 2, seconds(600), "HTTP 503; given up after 10 min and 2 attempts"),
    ],
)
def test_what_is_of_no_use_is_given_up(outcome, attempt, since_first, error):
    assert step(outcome, attempt, since_first) == GivenUp(error)


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 5), (2, 10), (3, 20), (4, 40), (10, 2560), (11, 3600), (12, 3600), (10**9, 3600)]
)
def test_pauses_double_up_to_an_hour_and_half_of_each_is_chance(attempt, longest):
    assert backoff(attempt, 1.0) == seconds(longest)
    assert backoff(attempt, 0.0) == seconds(longest / 2)
    assert backoff(attempt, 0.5) == seconds(longest * 0.75)


def test_a_day_of_failures_is_some_thirty_attempts():
    attempt, since_first = 0, timedelta(0)
    while True:
        attempt += 1
        following = step(Answered(500), attempt, since_first, chance=0.5)
        if isinstance(following, GivenUp):
            break
        since_first += following.pause

    assert 30 <= attempt <= 50
    assert DAY - seconds(3600) < since_first <= DAY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-5", 0),
        ("1.5", 0),
        ("٣", 0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("Tue, 99 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 01 Jan 9999 00:00:00 GMT", 3650 * 86400),
        ("0" * 5000, 3650 * 86400),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, expected):
    assert retry_after(text, NOW) == seconds(expected)
