"""The commands, with a client that is played: what is printed where, and the exit codes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from contract.errors import (
    JobUnknown,
    ModelUnknown,
    NoCapableWorker,
    RedisUnreachable,
    SettingsError,
    VedetteError,
)
from contract.ledger import JobStatus
from contract.messages import ImageResult
from contract.model_spec import ModelSpec
from contract.registry import Advert
from producer import Update
from producer.why import Answer, Code, Reason
from tests.support.builders import advert, found, not_processed, spec
from tests.support.megadetector import flaws
from tests.unit.cli.test_summary import status
from vedette import cli
from vedette.commands.dead import COMMANDS as DEAD_COMMANDS
from vedette.commands.dead import dead
from vedette.commands.models import COMMANDS as MODELS_COMMANDS
from vedette.commands.models import models
from vedette.session import Session
from vedette.waiting import why_waiting


class PlayedJob:
    id = "job-1"

    def __init__(self, results: list[ImageResult], state: str = "done", interrupt: bool = False) -> None:
        self._results = results
        self._state = state
        self._interrupt = interrupt

    def status(self) -> JobStatus:
        failed = sum(not result.ok for result in self._results)
        return status(self._state, len(self._results) - failed, failed, len(self._results))

    def watch(self) -> Iterator[Update]:
        yield Update(tuple(enumerate(self._results)), self.status(), len(self._results))
        if self._interrupt:
            raise KeyboardInterrupt
        yield Update((), self.status(), len(self._results))

    def cancel(self) -> str:
        before, self._state = self._state, "cancelled"
        return before


class PlayedClient:
    def __init__(self) -> None:
        self.played_job = PlayedJob([])
        self.error: BaseException | None = None
        self.submitted: tuple[Any, ...] = ()
        self.webhook: str | None = None
        self.exact = False
        self.specs: list[ModelSpec] = []
        self.adverts: list[Advert] = []
        self.answer: Answer | None = None

    def __enter__(self) -> "PlayedClient":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, *arguments: Any, webhook: str | None = None, exact: bool = False) -> PlayedJob:
        if self.error is not None:
            raise self.error
        self.submitted, self.webhook, self.exact = arguments, webhook, exact
        return self.played_job

    def upload(self, image: Path) -> str:
        return f"blob:of:{image.name}"

    def job(self, job_id: str) -> PlayedJob:
        if job_id != self.played_job.id:
            raise JobUnknown(f"unknown job {job_id!r}")
        return self.played_job

    def models(self) -> list[ModelSpec]:
        return self.specs

    def fleet(self) -> list[Advert]:
        return self.adverts

    def why(self, name: str) -> Answer:
        assert self.answer is not None
        assert name == self.played_job.id
        return self.answer


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> PlayedClient:
    played = PlayedClient()
    monkeypatch.setattr(Session, "client", lambda _: played)
    return played


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "photos" / name).touch()


def vedette(*arguments: str) -> Result:
    return CliRunner().invoke(cli.vedette, arguments)


# detect


def test_detect_writes_a_line_for_each_image(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("photos/a.jpg"), found("photos/b.jpg", detections=0)])

    result = vedette("detect", "photos", "--model", "defects-small", "--min-score", "0.3")

    assert result.exit_code == 0, result.output
    images = [("photos/a.jpg", Path.cwd() / "photos/a.jpg"), ("photos/b.jpg", Path.cwd() / "photos/b.jpg")]
    assert client.submitted == (images, "defects-small", None, 0.3, False, False, None)
    lines = Path("vedette-out/job-1/results.jsonl").read_text().splitlines()
    assert [ImageResult.model_validate_json(line).image for line in lines] == ["photos/a.jpg", "photos/b.jpg"]
    assert result.stdout.splitlines() == [
        "2 of 2 images processed in 2.0 s, 1.0 images/s",
        "1 detection: 1 scratch",
        "Results: vedette-out/job-1/results.jsonl",
    ]
    assert "job job-1: 2 images, results go to vedette-out/job-1" in result.stderr
    assert "2/2 images" in result.stderr


def test_detect_uploads_files_when_asked_to_and_hands_addresses_on(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("photos/a.jpg")])

    result = vedette("detect", "photos/a.jpg", "https://host/b.jpg", "--upload", "--model", "defects-small")

    assert result.exit_code == 0, result.output
    assert client.submitted[0] == [("photos/a.jpg", "blob:of:a.jpg"), ("https://host/b.jpg", "https://host/b.jpg")]


def test_detect_with_failed_images(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("photos/a.jpg"), not_processed("photos/b.jpg", "image_truncated")])

    result = vedette("detect", "photos", "--model", "defects-small", "--out", "here")

    assert result.exit_code == 1
    assert "  photos/b.jpg  image_truncated  nothing at" in result.stdout
    failed = json.loads(Path("here/results.jsonl").read_text().splitlines()[1])
    assert failed["failure"]["code"] == "image_truncated"
    assert "detections" not in failed


def test_detect_to_stdout_keeps_it_clean(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("photos/a.jpg")])

    result = vedette("detect", "photos", "--model", "defects-small", "--out", "-")

    assert json.loads(result.stdout)["image"] == "photos/a.jpg"
    assert "1 of 1 images processed" in result.stderr


def test_detect_is_left_with_ctrl_c(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("photos/a.jpg")], state="open", interrupt=True)

    result = vedette("detect", "photos", "--model", "defects-small")

    assert result.exit_code == 130
    assert "job job-1 goes on without you; 1 of 2 images were done." in result.stderr
    assert "`vedette results job-1`" in result.stderr
    assert "`vedette cancel job-1`" in result.stderr
    assert Path("vedette-out/job-1/results.jsonl").read_text().count("\n") == 1


def test_ctrl_c_while_submitting(client: PlayedClient) -> None:
    client.error = KeyboardInterrupt()

    result = vedette("detect", "photos", "--model", "defects-small")

    assert result.exit_code == 130
    assert "the job was cancelled" in result.stderr


def test_detach_prints_the_jobs_id_alone(client: PlayedClient) -> None:
    result = vedette("detect", "photos", "--model", "defects-small", "--detach", "--allow-waiting")

    assert (result.exit_code, result.stdout) == (0, "job-1\n")
    assert client.submitted[4] is True  # allow_waiting
    assert not Path("vedette-out").exists()


def test_who_is_to_be_told_of_the_end(client: PlayedClient) -> None:
    vedette("detect", "photos", "--model", "defects-small", "--detach", "--webhook", "https://hooks.example.org/")

    assert client.webhook == "https://hooks.example.org/"


@pytest.mark.parametrize(("options", "exact"), [([], False), (["--exact"], True)])
def test_images_are_decoded_as_they_are_for_those_who_ask(
    client: PlayedClient, options: list[str], exact: bool
) -> None:
    vedette("detect", "photos", "--model", "defects-small", "--detach", *options)

    assert client.exact is exact


def test_annotate(client: PlayedClient) -> None:
    cv2, numpy = pytest.importorskip("cv2"), pytest.importorskip("numpy")
    cv2.imwrite("photos/a.jpg", numpy.zeros((200, 320, 3), numpy.uint8))
    client.played_job = PlayedJob(
        [
            found("photos/a.jpg", width=320, height=200),
            found("photos/b.jpg"),  # an empty file: the worker saw another one
        ]
    )

    result = vedette("detect", "photos", "--model", "defects-small", "--out", "out", "--annotate")

    assert result.exit_code == 0
    assert cv2.imread("out/annotated/photos/a.jpg").any()
    assert "Drawings: out/annotated" in result.stdout
    assert "not drawn: photos/b.jpg: cannot be read here" in result.stderr


# Wrong usage, errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detect", "photos"], "--model"),
        (["detect", "--model", "m"], "PATH"),
        (["detect", "photos", "--model", "m", "--batch-size", "0"], "--batch-size"),
        (["detect", "photos", "--model", "m", "--min-score", "2"], "--min-score"),
        (["detect", "photos", "--model", "m", "--detach", "--annotate"], "--detach leaves"),
        (["detect", "photos", "--model", "m", "--detach", "--format", "csv"], "--detach leaves"),
        (["detect", "photos", "--model", "m", "--out", "-", "--annotate"], "--annotate needs a folder"),
        (["detect", "fotos", "--model", "m"], "error: nothing at fotos"),
        (["detect", ".", "--model", "m", "--out", "photos/a.jpg"], "error: cannot write photos/a.jpg"),
        (["detect", "photos", "--model", "m", "--out", "x.csv"], "error: --out x.csv: the format jsonl is no .csv"),
        (["results", "job-1", "--format", "xml"], "'xml' is not one of 'jsonl', 'coco', 'coco-images', 'megadetector'"),
        (["results", "job-1", "--out", "-", "--annotate"], "--annotate needs a folder"),
        (["results", "job-2"], "error: unknown job 'job-2'"),
        (["detecd"], "No such command"),
    ],
)
@pytest.mark.usefixtures("client")
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = vedette(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelUnknown("unknown model 'm'"), 2),
        (RedisUnreachable("no Redis at redis://127.0.0.1:1/0"), 2),
        (SettingsError("VEDETTE_LEASE=x: expected a duration"), 2),
        (NoCapableWorker("no live worker can run m@1"), 3),
    ],
)
def test_an_error_is_one_message_and_its_exit_code(client: PlayedClient, error: VedetteError, code: int) -> None:
    client.error = error

    result = vedette("detect", "photos", "--model", "m")

    assert result.exit_code == code
    assert result.stderr == f"error: {error}\n"


# The other commands


def test_results_of_a_job_that_goes_on(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("a.jpg")], state="open")

    result = vedette("results", "job-1", "--no-follow", "--out", "-")

    assert result.exit_code == 1, "not all are processed"
    assert json.loads(result.stdout)["image"] == "a.jpg"
    assert "so far; job job-1 goes on" in result.stderr


def test_results_of_a_job_that_ended(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("a.jpg")])

    assert vedette("results", "job-1").exit_code == 0
    assert Path("vedette-out/job-1/results.jsonl").exists()


def test_results_in_several_formats_at_once(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("a.jpg"), not_processed("b.jpg")])

    result = vedette("results", "job-1", "--format", "megadetector", "--format", "csv", "--out", "here")

    assert result.exit_code == 1
    text = Path("here/results.megadetector.json").read_text()
    assert flaws(text) == []
    assert [image["file"] for image in json.loads(text)["images"]] == ["a.jpg", "b.jpg"]
    assert Path("here/results.csv").read_bytes().count(b"\r\n") == 3
    assert "Results: here/results.megadetector.json, here/results.csv" in result.stdout


def test_results_into_a_file_or_to_stdout(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("a.jpg")])

    assert vedette("results", "job-1", "--format", "coco", "--out", "deep/down/found.json").exit_code == 0
    on_stdout = vedette("results", "job-1", "--format", "coco", "--out", "-").stdout

    assert Path("deep/down/found.json").read_text() == on_stdout
    assert [item["image_id"] for item in json.loads(on_stdout)] == [0]


def test_a_document_that_is_left_with_ctrl_c_is_whole(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("photos/a.jpg")], state="open", interrupt=True)

    result = vedette("detect", "photos", "--model", "m", "--format", "coco", "--out", "here")

    assert result.exit_code == 130
    assert len(json.loads(Path("here/results.coco.json").read_text())) == 1


def test_results_are_drawn_where_the_images_are(client: PlayedClient) -> None:
    cv2, numpy = pytest.importorskip("cv2"), pytest.importorskip("numpy")
    cv2.imwrite("photos/a.jpg", numpy.zeros((200, 320, 3), numpy.uint8))
    client.played_job = PlayedJob([found("a.jpg", width=320, height=200), not_processed("b.jpg"), found("c.jpg")])

    result = vedette("results", "job-1", "--annotate", "--images", "photos", "--out", "here")

    assert cv2.imread("here/annotated/a.jpg").any()
    assert "Drawings: here/annotated" in result.stdout
    assert "not drawn: c.jpg: is not here" in result.stderr
    assert "b.jpg" not in result.stderr


def test_many_images_that_are_elsewhere_are_counted(client: PlayedClient) -> None:
    pytest.importorskip("cv2")
    client.played_job = PlayedJob([found(f"{number}.jpg") for number in range(100)])

    result = vedette("results", "job-1", "--annotate", "--out", "here")

    assert result.stderr.count("not drawn: ") == 21
    assert "not drawn: 80 more" in result.stderr


def why_it(state: str, code: Code, headline: str) -> Answer:
    return Answer.model_construct(state=state, headline=headline, reasons=[Reason(code=code, text=headline)])


@pytest.mark.parametrize("code", ["memory_short", "busy"])
def test_status_says_why_a_job_waits_and_who_says_more(client: PlayedClient, code: Code) -> None:
    client.played_job = PlayedJob([found("a.jpg")], state="open")
    client.answer = why_it("waiting", code, "queued 4 min: because")

    result = vedette("status", "job-1")

    assert result.exit_code == 0
    assert "state     open" in result.stdout
    assert "images    1 of 1 done" in result.stdout
    assert "why       queued 4 min: because (more: vedette why job-1)" in result.stdout


def test_status_gives_no_reason_where_somebody_is_at_it(client: PlayedClient) -> None:
    client.played_job = PlayedJob([not_processed("a.jpg")], state="open")
    client.answer = why_it("running", "running", "running, 1 of 2 images done")

    result = vedette("status", "job-1")

    assert "1 of them failed" in result.stdout
    assert "why" not in result.stdout


def test_status_of_a_job_that_is_over_asks_nobody(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("a.jpg")])

    assert "why" not in vedette("status", "job-1").stdout


@pytest.mark.parametrize(
    ("state", "code", "told"),
    [
        ("waiting", "memory_short", "queued 4 min: because (more: vedette why job-1)"),
        ("waiting", "busy", None),
        ("running", "running", None),
        ("done", "done", None),
    ],
)
def test_whoever_watches_is_told_when_it_is_not_about_turns(
    client: PlayedClient, state: str, code: Code, told: str | None
) -> None:
    client.answer = why_it(state, code, "queued 4 min: because")

    assert why_waiting(client, "job-1") == told  # type: ignore[arg-type]  # what it asks is played


def test_cancel(client: PlayedClient) -> None:
    client.played_job = PlayedJob([found("a.jpg")], state="open")

    assert vedette("cancel", "job-1").stdout == "job job-1 is cancelled; 1 of 1 images were done\n"
    assert "had ended before (cancelled)" in vedette("cancel", "job-1").stdout


def test_models(client: PlayedClient) -> None:
    assert "no model is registered" in vedette("models").stdout

    client.specs = [spec(), spec("defects-large", base="3g", cpu="x86_64_v3", features=["avx512_vnni"])]
    client.adverts = [advert("small@yard", queues=["detect.any.512m"], memory="1g")]

    assert vedette("models").stdout == vedette("models", "list").stdout
    listed = vedette("models").stdout.splitlines()
    assert listed[1].split() == ["defects-small", "1", "512m", "detect.any.512m", "small@yard"]
    assert "4g, x86_64_v3, avx512_vnni" in listed[2]
    assert listed[2].rstrip().endswith("none alive")


# The group


@pytest.mark.parametrize(
    ("group", "helps"), [(cli.vedette, cli.COMMANDS), (dead, DEAD_COMMANDS), (models, MODELS_COMMANDS)]
)
def test_help_in_one_place_is_help_in_the_other(group: click.Group, helps: dict[str, str]) -> None:
    with group.make_context(group.name, ["--help"], resilient_parsing=True) as ctx:
        for name, text in helps.items():
            command = group.get_command(ctx, name)
            assert command is not None
            assert command.name == name
            assert command.get_short_help_str(limit=200) == text


@pytest.mark.parametrize(
    ("arguments", "command"), [(["--help"], "detect"), (["dead", "--help"], "retry"), (["models", "--help"], "list")]
)
def test_help_imports_no_heavy_package(arguments: list[str], command: str) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from vedette.cli import vedette;"
        f"result = CliRunner().invoke(vedette, {arguments}); assert {command!r} in result.output, result.output;"
        "print(*sorted({'celery', 'redis', 'pydantic', 'rich', 'numpy', 'cv2', 'tensorflow'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "command",
    [
        *("detect", "results", "status", "cancel", "models", "fleet", "drain"),
        *("dead.list", "dead.show", "dead.retry", "dead.drop"),
        "models.list",
    ],
)
def test_every_command_does_without_opencv(command: str) -> None:
    code = (
        f"import sys; import vedette.commands.{command};"
        "print(*sorted({'numpy', 'cv2', 'tensorflow', 'PIL', 'workers'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_version() -> None:
    assert vedette("--version").output.startswith("vedette ")
