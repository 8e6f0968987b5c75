"""What `vedette status` says of a job's webhook."""

import pytest

from contract.ledger import WebhookStatus
from vedette.commands.status import webhook_line

URL = "https://hooks.example.org/vedette"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"state": "waiting"}, f"waiting: {URL}"),
        ({"state": "due"}, f"due: {URL}"),
        (
            {"state": "due", "attempts": 2, "last_error": "HTTP 503"},
            f"due: {URL}, 2 attempts, the last: HTTP 503",
        ),
        ({"state": "delivered", "attempts": 1}, f"delivered: {URL}, 1 attempt"),
        ({"state": "delivered", "attempts": 2, "last_error": "HTTP 503"}, f"delivered: {URL}, 2 attempts"),
        (
            {"state": "given_up", "attempts": 33, "last_error": "HTTP 410: the receiver wants no more"},
            f"given up: {URL}, 33 attempts, the last: HTTP 410: the receiver wants no more",
        ),
        (
            {"state": "unattended"},
            f"unattended: {URL}; no gateway lives that delivers: start `vedette gateway` with "
            "VEDETTE_WEBHOOK_SECRETS_FILE",
        ),
    ],
)
def test_the_line(told, line):
    assert webhook_line(WebhookStatus(url=URL, **told)) == line
