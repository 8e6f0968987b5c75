"""`vedette up`: which folders its workers may read images in."""

from pathlib import Path

import pytest

from vedette.commands.up import how_to_go_on, open_folders, say_ready, worker_plans
from vedette.stack import WorkerPlan, services


def test_home_and_the_current_folder_are_open_unless_something_else_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/you")
    monkeypatch.chdir(tmp_path)
    assert [*open_folders([])] == [Path("/home/you"), tmp_path]

    monkeypatch.setenv("VEDETTE_IMAGE_ROOTS", "/images:/archive")
    assert [*open_folders([])] == [Path("/images"), Path("/archive")]
    assert [*open_folders([Path("/mnt")])] == [Path("/mnt")]


def test_it_says_where_images_are_read() -> None:
    told = how_to_go_on("redis://127.0.0.1:6379/0", [Path("/home/you"), Path("/work")])

    assert "Images are read below /home/you and /work (--images)." in told


def test_a_worker_is_told_in_a_column_and_not_called_worker_twice(capsys: pytest.CaptureFixture[str]) -> None:
    for plan in (*worker_plans(["", "--slots 2"]), WorkerPlan("large")):
        say_ready(f"Worker {plan.shown}", "log")

    assert capsys.readouterr().out.splitlines() == [
        "  Worker 1       log",
        "  Worker 2       log",
        "  Worker large   log",
    ]


@pytest.mark.parametrize(("roots", "told"), [([Path("/a"), Path("/b")], "/a:/b"), ([], "/images")])
def test_a_worker_is_told_in_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, roots: list[Path], told: str
) -> None:
    monkeypatch.setenv("VEDETTE_IMAGE_ROOTS", "/images")
    started: dict[str, str] = {}
    monkeypatch.setattr(services, "Process", lambda _name, _command, _log, env: started.update(env))

    services.start_worker(WorkerPlan("w"), "redis://127.0.0.1:6379/0", tmp_path, roots)

    assert started["VEDETTE_IMAGE_ROOTS"] == told
