"""The gateway's parts that decide without asking anybody."""

import json
import re
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from contract.errors import SettingsError
from contract.ledger import JobStatus
from producer import Update
from producer.gateway.request_id import request_id
from producer.gateway.results import cursor_line, follow_lines, result_lines
from producer.gateway.serve import check_listening
from tests.support.builders import found, not_processed


def status(done: int = 0, state: str = "open") -> JobStatus:
    return JobStatus.model_validate(
        {
            "job": "job-1",
            "state": state,
            "sealed": True,
            "model": "defects-small@1",
            "queue": "detect.any.512m",
            "total": 9,
            "succeeded": done,
            "failed": 0,
            "created": datetime.now(UTC),
        }
    )


@pytest.mark.parametrize("given", ["order-66", "A.b_c", "x" * 64])
def test_a_plain_request_id_is_kept(given: str) -> None:
    assert request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 65, "a\nb", "é", "<script>"])
def test_any_other_is_replaced(given: str | None) -> None:
    assert request_id(given) != given
    assert request_id(given) != request_id(given)


def test_result_lines_are_json_and_tell_which_image() -> None:
    lines = [*result_lines([(3, found("a.jpg")), (0, not_processed("b\n.jpg"))])]

    assert [line.count("\n") for line in lines] == [1, 1]
    assert [(json.loads(line)["index"], json.loads(line)["image"]) for line in lines] == [(3, "a.jpg"), (0, "b\n.jpg")]


def test_cursor_line() -> None:
    assert json.loads(cursor_line(5, status(5))) == {"cursor": 5, "state": "open", "done": 5, "total": 9}


def test_a_stream_says_where_it_is_after_news_and_at_its_end_and_else_nothing() -> None:
    updates = [
        Update((), status(0), 0),
        Update(((0, found()), (1, found())), status(2), 2),
        Update((), status(2), 2),
        Update((), status(2, "cancelled"), 2),
    ]

    lines = [*follow_lines(updates, None)]

    assert [line.count("\n") for line in lines] == [0, 3, 0, 1]
    assert json.loads(lines[-1])["state"] == "cancelled"


def test_a_stream_ends_with_its_limit() -> None:
    updates = [Update(((index, found()),), status(index + 1), index + 1) for index in range(5)]

    assert len([*follow_lines(updates, 2)]) == 2


@pytest.mark.parametrize(
    ("host", "guarded", "insecure", "may"),
    [
        ("127.0.0.1", False, False, True),
        ("127.8.8.8", False, False, True),
        ("::1", False, False, True),
        ("localhost", False, False, True),
        ("0.0.0.0", False, False, False),
        ("::", False, False, False),
        ("192.168.1.4", False, False, False),
        ("gateway.yard", False, False, False),
        ("0.0.0.0", True, False, True),
        ("0.0.0.0", False, True, True),
    ],
)
def test_where_it_may_listen(host: str, guarded: bool, insecure: bool, may: bool) -> None:
    with nullcontext() if may else pytest.raises(SettingsError, match=re.escape(host)):
        check_listening(host, guarded=guarded, insecure=insecure)
