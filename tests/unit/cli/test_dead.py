"""`vedette dead`, with a client that is played: what is printed where, and the exit codes."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from contract.errors import JobClosed, JobUnknown, NoCapableWorker, VedetteError
from contract.ledger import Attempt, DeadLetter, JobStatus
from contract.messages import Failure
from producer.dead import letters_of
from tests.support.builders import dead_letter
from tests.unit.cli.test_summary import status
from vedette import cli
from vedette.session import Session

ATTEMPTS = [
    Attempt(
        attempt=1,
        worker="small@yard",
        batch_size=8,
        verdict="memory",
        detail="SIGKILL, 1.9 of 2.0 GiB",
        outcome="batch 8 → 4",
        ended=datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC),
        seconds=4.25,
        peak_bytes=2040109465,
    ),
    Attempt(attempt=2, worker="large@yard", batch_size=4, ended=datetime(2026, 11, 23, 12, 1, tzinfo=UTC)),
]


class PlayedJob:
    def __init__(self, letters: list[DeadLetter], state: str = "done") -> None:
        self.letters = letters
        self.state = state

    def status(self) -> JobStatus:
        return status(self.state, 0, len(self.letters), len(self.letters))

    def dead_letters(self) -> list[DeadLetter]:
        return self.letters

    def attempts(self, task: str) -> list[Attempt]:
        assert task == "task-1"
        return ATTEMPTS

    def drop_dead(self, images: Iterable[str] | None = None) -> int:
        return len(letters_of(self.letters, images, "job-1"))


class PlayedClient:
    def __init__(self) -> None:
        self.played_job = PlayedJob([dead_letter(0, "photos/a.jpg"), dead_letter(1, "photos/b.jpg", "crash")])
        self.error: VedetteError | None = None
        self.allowed_waiting = False

    def __enter__(self) -> "PlayedClient":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def job(self, job_id: str) -> PlayedJob:
        if job_id != "job-1":
            raise JobUnknown(f"unknown job {job_id!r}")
        return self.played_job

    def retry_dead(self, job_id: str, images: Iterable[str] | None, allow_waiting: bool) -> int:
        if self.error is not None:
            raise self.error
        self.allowed_waiting = allow_waiting
        return len(letters_of(self.job(job_id).letters, images, job_id))


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> PlayedClient:
    played = PlayedClient()
    monkeypatch.setattr(Session, "client", lambda _: played)
    return played


def dead(*arguments: str) -> Result:
    return CliRunner().invoke(cli.vedette, ["dead", *arguments])


def columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


# list


def test_list_is_a_table() -> None:
    result = dead("list", "job-1")

    assert result.exit_code == 0, result.output
    assert [columns(line) for line in result.stdout.splitlines()] == [
        ["image", "code", "attempts", "message"],
        ["photos/a.jpg", "memory", "1", "nothing at /images/photos/a.jpg"],
        ["photos/b.jpg", "crash", "1", "nothing at /images/photos/b.jpg"],
    ]


def test_list_as_json_is_a_line_for_each() -> None:
    result = dead("list", "job-1", "--json")

    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert first == {
        "image": "photos/a.jpg",
        "index": 0,
        "uri": "/images/00000.jpg",
        "code": "memory",
        "message": "nothing at /images/photos/a.jpg",
        "attempts": 1,
        "worker": None,
        "task": "task-1",
    }
    assert second["code"] == "crash"


def test_a_long_list_is_cut_off_and_counted(client: PlayedClient) -> None:
    client.played_job = PlayedJob([dead_letter(number) for number in range(60)])

    result = dead("list", "job-1")
    assert result.stdout.count(".jpg  ") == 50
    assert result.stdout.endswith("… and 10 more; --limit N lists more\n")

    result = dead("list", "job-1", "--json", "--limit", "7")
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == 7
    assert result.stderr == "… and 53 more; --limit N lists more\n"

    assert "more" not in dead("list", "job-1", "--limit", "60").output


def test_a_message_of_many_lines_with_brackets_is_one_row_as_it_is(client: PlayedClient) -> None:
    letter = dead_letter(0, "[bold]a[/x].jpg")
    failure = Failure(code="model_failed", message="Graph execution error:\n  node [[scale/mul]]")
    result = letter.result.model_copy(update={"failure": failure})
    client.played_job = PlayedJob([DeadLetter(0, "task-1", letter.image, result)])

    _, row = dead("list", "job-1").stdout.splitlines()

    assert columns(row) == ["[bold]a[/x].jpg", "model_failed", "1", "Graph execution error: node [[scale/mul]]"]


def test_there_are_none(client: PlayedClient) -> None:
    client.played_job = PlayedJob([])

    for command in ("list", "retry"):
        result = dead(command, "job-1")
        assert (result.exit_code, result.stdout) == (0, "job job-1 has no dead letters\n")
    assert dead("list", "job-1", "--json").stdout == ""


# show


def test_show_tells_every_attempt() -> None:
    result = dead("show", "job-1", "photos/a.jpg")

    assert result.exit_code == 0, result.output
    head, attempts = result.stdout.split("\n\n")
    assert [line.split(maxsplit=1) for line in head.splitlines()] == [
        ["image", "photos/a.jpg"],
        ["file", "/images/00000.jpg"],
        ["code", "memory"],
        ["message", "nothing at /images/photos/a.jpg"],
        ["task", "task-1"],
    ]
    titles, first, second = [columns(line) for line in attempts.splitlines()]
    assert titles == [
        *("attempt", "ended (UTC)", "took", "worker", "batch", "memory", "verdict", "detail", "what followed")
    ]
    assert first == [
        *("1", "2026-11-23 12:00:05", "4.2 s", "small@yard", "8", "1.9 GiB", "memory"),
        *("SIGKILL, 1.9 of 2.0 GiB", "batch 8 → 4"),
    ]
    assert second == ["2", "2026-11-23 12:01:00", "large@yard", "4", "done"]


def test_show_as_json() -> None:
    letter = json.loads(dead("show", "job-1", "photos/b.jpg", "--json").stdout)

    assert (letter["image"], letter["code"]) == ("photos/b.jpg", "crash")
    assert [Attempt.model_validate(attempt) for attempt in letter["history"]] == ATTEMPTS


def test_show_of_two_images_of_one_name_shows_both(client: PlayedClient) -> None:
    client.played_job = PlayedJob([dead_letter(0, "a.jpg"), dead_letter(1, "a.jpg")])

    assert dead("show", "job-1", "a.jpg").stdout.count("image     a.jpg") == 2
    assert dead("show", "job-1", "a.jpg", "--json").stdout.count("\n") == 2


# retry


def test_retry_says_how_many_and_how_to_follow(client: PlayedClient) -> None:
    result = dead("retry", "job-1")

    assert result.exit_code == 0, result.output
    assert result.stdout == "2 images of job job-1 put back\n`vedette results job-1` follows it to its end\n"
    assert not client.allowed_waiting


def test_retry_of_one(client: PlayedClient) -> None:
    result = dead("retry", "job-1", "photos/b.jpg", "--allow-waiting")

    assert result.stdout.startswith("1 image of job job-1 put back\n")
    assert client.allowed_waiting


def test_retry_of_a_stopped_job_says_that_it_goes_on(client: PlayedClient) -> None:
    client.played_job.state = "stopped"

    assert "stopped for its failures and goes on, without that limit\n" in dead("retry", "job-1").stdout


def test_retry_as_json(client: PlayedClient) -> None:
    assert json.loads(dead("retry", "job-1", "--json").stdout) == {"job": "job-1", "retried": 2, "resumed": False}

    client.played_job = PlayedJob([], state="stopped")
    assert json.loads(dead("retry", "job-1", "--json").stdout) == {"job": "job-1", "retried": 0, "resumed": False}
    client.played_job = PlayedJob([dead_letter(0)], state="stopped")
    assert json.loads(dead("retry", "job-1", "--json").stdout) == {"job": "job-1", "retried": 1, "resumed": True}


# drop


def test_drop() -> None:
    assert dead("drop", "job-1").stdout == "2 dead letters of job job-1 dropped\n"
    assert dead("drop", "job-1", "photos/a.jpg").stdout == "1 dead letter of job job-1 dropped\n"
    assert json.loads(dead("drop", "job-1", "--json").stdout) == {"job": "job-1", "dropped": 2}


# Wrong usage, errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list"], "JOB"),
        (["show", "job-1"], "IMAGE"),
        (["list", "job-1", "--limit", "0"], "--limit"),
        (["lost", "job-1"], "No such command"),
        *(([command, "job-2"], "error: unknown job 'job-2'") for command in ("list", "retry", "drop")),
        *(
            ([command, "job-1", "c.jpg"], "error: job job-1 has no dead letter of 'c.jpg'")
            for command in ("show", "retry", "drop")
        ),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = dead(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"), [(NoCapableWorker("no live worker can run m@1"), 3), (JobClosed("job job-1 was cancelled"), 2)]
)
def test_an_error_is_one_message_and_its_exit_code(client: PlayedClient, error: VedetteError, code: int) -> None:
    client.error = error

    result = dead("retry", "job-1")

    assert (result.exit_code, result.stderr) == (code, f"error: {error}\n")
