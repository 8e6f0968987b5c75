"""`vedette drain`, with a client that is played: what is said, when it returns, and with which exit code."""

import json
from collections.abc import Iterable

import pytest
from click.testing import CliRunner, Result

from contract.errors import VedetteError
from contract.registry import Advert
from contract.vitals import Vitals
from producer.errors import WorkerNeeded
from tests.support.builders import advert
from vedette import cli
from vedette.commands import drain as command
from vedette.session import Session

Worker = tuple[Advert, Vitals | None]


def worker(busy: int = 0, *, draining: bool = True, instance: str = "first", node: str = "small@yard") -> Worker:
    there = advert(node).model_copy(update={"draining": draining, "instance": instance})
    return there, Vitals(node=node, draining=draining, slots_busy=busy)


class PlayedClient:
    """Its fleet is another one with each look, and stays as it was last."""

    def __init__(self) -> None:
        self.looks: list[list[Worker]] = [[worker(draining=False)]]
        self.error: VedetteError | None = None
        self.asked: dict[str, object] = {}

    def __enter__(self) -> "PlayedClient":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def drain(self, workers: Iterable[str], **how: bool) -> list[Advert]:
        if self.error is not None:
            raise self.error
        self.asked = {"workers": [*workers], **how}
        return [there for there, _ in self.looks[0]]

    def vitals(self) -> list[Worker]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> PlayedClient:
    played = PlayedClient()
    monkeypatch.setattr(Session, "client", lambda _: played)
    monkeypatch.setattr(command, "_LOOK_AGAIN_S", 0.001)
    return played


def drain(*arguments: str) -> Result:
    return CliRunner().invoke(cli.vedette, ["drain", *arguments])


def test_without_wait_it_returns_at_once(client: PlayedClient) -> None:
    client.looks = [[worker(2, draining=False)]]

    result = drain("small")

    assert result.output == "small@yard finishes 2 tasks and takes nothing new\n"
    assert result.exit_code == 0
    assert client.asked == {"workers": ["small"], "stop": False, "undo": False, "force": False}


@pytest.mark.parametrize(
    ("options", "looks", "said"),
    [
        (["--wait"], [worker(1, draining=False), worker(1), worker(0)], "small@yard is idle and takes nothing new"),
        (["--wait"], [worker(1), worker(1), None], "small@yard has left"),
        (["--wait"], [worker(1), worker(1, draining=False, instance="second")], "small@yard has left"),
        (["--wait", "--stop"], [worker(1), worker(0), None], "small@yard has left"),
        (["--undo"], [worker(1)], "small@yard takes work again within seconds"),
    ],
)
def test_it_waits_until_they_are_idle_or_have_left(
    client: PlayedClient, options: list[str], looks: list[Worker | None], said: str
) -> None:
    client.looks = [[look] if look is not None else [] for look in looks]

    result = drain("small", *options)

    assert result.output == said + "\n"
    assert result.exit_code == 0
    assert len(client.looks) == 1, "it returned before it had seen the end"


def test_who_is_not_idle_in_time_is_named_and_the_exit_code_says_so(client: PlayedClient) -> None:
    client.looks = [[worker(1), worker(0, node="idle@yard"), worker(1, draining=False, node="deaf@yard")]]

    result = drain("*", "--wait", "--timeout", "0.01")

    assert result.output.splitlines() == [
        "small@yard finishes 1 task and takes nothing new",
        "idle@yard is idle and takes nothing new",
        "deaf@yard has not heard of it yet",
    ]
    assert result.exit_code == 1


def test_as_json_it_is_a_line_for_each(client: PlayedClient) -> None:
    client.looks = [[worker(1), (worker(node="quiet@yard")[0], None)]]

    result = drain("*", "--json")

    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"worker": "small@yard", "state": "draining", "busy": 1},
        {"worker": "quiet@yard", "state": "working", "busy": None},
    ]


def test_a_refusal_is_told_and_force_is_handed_on(client: PlayedClient) -> None:
    client.error = WorkerNeeded("nobody could run large@1")
    assert (drain("big").exit_code, drain("big").stderr) == (2, "error: nobody could run large@1\n")

    client.error = None
    assert drain("big", "--force", "--stop").exit_code == 0
    assert client.asked == {"workers": ["big"], "stop": True, "undo": False, "force": True}


def test_undo_has_nothing_to_wait_for() -> None:
    assert "--undo goes with neither" in drain("small", "--undo", "--wait").output
    assert drain("small", "--undo", "--stop").exit_code == 2
    assert drain().exit_code == 2
