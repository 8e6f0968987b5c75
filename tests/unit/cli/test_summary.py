"""What a run is said to have come to."""

from datetime import UTC, datetime, timedelta

import pytest

from contract.ledger import JobStatus
from tests.support.builders import MODEL, found, not_processed
from vedette.exits import exit_code_for
from vedette.progress import Lines, progress_line
from vedette.summary import Tally, duration, summary

BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)


def status(state: str = "done", succeeded: int = 2, failed: int = 0, total: int = 2) -> JobStatus:
    return JobStatus.model_validate(
        {
            "job": "job-1",
            "state": state,
            "sealed": True,
            "model": MODEL,
            "queue": "detect.any.512m",
            "total": total,
            "succeeded": succeeded,
            "failed": failed,
            "created": BEGAN,
            "finished": None if state == "open" else BEGAN + timedelta(seconds=2),
        }
    )


def test_all_processed() -> None:
    tally = Tally()
    tally.add(found("a.jpg", detections=2))
    tally.add(found("b.jpg", detections=0))

    assert summary(tally, status(), "out/results.jsonl") == [
        "2 of 2 images processed in 2.0 s, 1.0 images/s",
        "2 detections: 2 scratch",
        "Results: out/results.jsonl",
    ]


def test_each_failed_image_is_named_with_its_reason() -> None:
    tally = Tally()
    tally.add(not_processed("a.jpg"))

    lines = summary(tally, status(succeeded=0, failed=1, total=1), "stdout")

    assert lines[1:4] == ["nothing detected", "1 failed:", "  a.jpg  image_missing  nothing at /images/a.jpg"]


def test_many_failures_are_cut_off_and_counted() -> None:
    tally = Tally()
    for number in range(25):
        tally.add(not_processed(f"{number}.jpg"))

    lines = summary(tally, status(succeeded=0, failed=25, total=25), "out/results.jsonl")

    assert lines[2] == "25 failed:"
    assert lines[-2] == "  … and 5 more, see out/results.jsonl"
    assert len(lines) == 2 + 1 + 20 + 1 + 1


def test_a_job_that_did_not_come_to_its_end() -> None:
    tally = Tally()
    tally.add(found())

    cancelled = summary(tally, status("cancelled", succeeded=1), "stdout")
    running = summary(tally, status("open", succeeded=1), "stdout")
    assert cancelled[0].startswith("1 of 2 images processed; job job-1 was cancelled in 2.0 s")
    assert running[0] == "1 of 2 images processed so far; job job-1 goes on"


@pytest.mark.parametrize(
    ("state", "failed", "code"), [("done", 0, 0), ("done", 1, 1), ("cancelled", 0, 1), ("open", 0, 1), ("open", 1, 1)]
)
def test_exit_code_of_a_run(state: str, failed: int, code: int) -> None:
    assert exit_code_for(status(state, failed=failed)) == code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (4.2, "4.2 s"), (61, "1 min 01 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_progress_line() -> None:
    assert progress_line(0, 0, 200, 0) == "0/200 images"
    assert progress_line(120, 3, 200, 10) == "120/200 images, 3 failed, 12.0 images/s, 6.7 s left"
    assert progress_line(200, 0, 200, 20) == "200/200 images, 10.0 images/s"


def test_lines_are_sparse() -> None:
    now_s = 0.0
    written: list[str] = []
    lines = Lines(written.append, clock=lambda: now_s)

    for second in range(31):
        now_s = float(second)
        for done in (second * 10, second * 10):
            lines.show(done, 0, 300)

    assert [line.split()[0] for line in written] == ["0/300", "100/300", "200/300", "300/300"]


def test_no_line_where_nothing_was_done() -> None:
    now_s = 0.0
    written: list[str] = []
    lines = Lines(written.append, clock=lambda: now_s)

    for second in range(100):
        now_s = float(second)
        lines.show(0, 0, 300)

    assert written == ["0/300 images"]
