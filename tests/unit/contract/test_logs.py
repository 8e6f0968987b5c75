"""Log lines: for people, for machines, and without secrets in either."""

import io
import json
import logging

import pytest

from contract.logs import dress, tell


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def logger():
    logger = logging.Logger("tested", logging.INFO)
    yield logger
    logger.handlers.clear()


def lines_of(logger, look, say, stream=None):
    stream = stream or io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    dress([handler], look)
    logger.addHandler(handler)
    say()
    return stream.getvalue().splitlines()


def speak(logger):
    tell(logger, logging.WARNING, "shrunk", "task %s: batch 16 → 8", "t-1", task="t-1", attempt=2, next_queue=None)


@pytest.mark.parametrize(
    ("look", "stream", "machine"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("text", io.StringIO, False),
    ],
)
def test_people_on_a_terminal_read_a_sentence_and_others_get_json(logger, look, stream, machine):
    (line,) = lines_of(logger, look, lambda: speak(logger), stream())

    assert (line == "WARNING task t-1: batch 16 → 8") is not machine
    assert line.startswith("{") is machine


def test_a_line_for_machines_has_event_and_fields_and_none_that_is_empty(logger):
    (line,) = lines_of(logger, "json", lambda: speak(logger))

    fields = json.loads(line)
    time = fields.pop("time")
    assert time.endswith("+00:00")
    assert fields == {
        "level": "WARNING",
        "logger": "tested",
        "process": "MainProcess",
        "message": "task t-1: batch 16 → 8",
        "event": "shrunk",
        "task": "t-1",
        "attempt": 2,
    }


def say_secrets(logger):
    logger.error("no Redis at %s", "redis://w:hush@host/0")
    tell(logger, logging.ERROR, "dead", "x", detail="GET https://host/a?sig=hush", key="vdt_hushhushhush")
    try:
        raise OSError("rediss://w:hush@host/0 refused")
    except OSError:
        logger.exception("Authorization: Bearer hush")


@pytest.mark.parametrize("look", ["text", "json"])
def test_no_secret_is_in_a_message_a_field_or_a_stack_trace(logger, look):
    text = "\n".join(lines_of(logger, look, lambda: say_secrets(logger)))

    assert "hush" not in text
    assert "redis://w:***@host/0" in text
    assert "OSError: rediss://w:***@host/0 refused" in text
    assert "Traceback" in text


def test_a_stack_trace_is_one_line_for_machines(logger):
    lines = lines_of(logger, "json", lambda: say_secrets(logger))

    assert len(lines) == 3
    assert json.loads(lines[2])["error"].startswith("Traceback")


def test_what_celery_leaves_on_its_records_is_not_said_twice(logger):
    (line,) = lines_of(logger, "json", lambda: logger.info("Task done", extra={"data": {"kwargs": "…"}}))

    assert "data" not in json.loads(line)


def test_to_be_dressed_twice_changes_nothing():
    handler = logging.StreamHandler(io.StringIO())
    for _ in range(2):
        dress([handler], "json")

    assert len(handler.filters) == 1
