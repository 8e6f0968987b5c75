"""The command as a process of its own, against a real Redis; the worker's side is played by calls of the ledger."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from contract import keys
from contract.ledger import Attempt, Ledger, PutBack
from contract.messages import ImageResult
from contract.registry import Registry
from contract.settings import Settings
from tests.support.builders import advert, found, not_processed, spec
from tests.support.megadetector import flaws
from tests.support.redis_server import free_port
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

VEDETTE = [str(Path(sys.executable).parent / "vedette")]


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, registry: Registry) -> Path:
    """Nine photos, of which one is bad, and a fleet that has a model."""
    registry.publish_model(spec())
    registry.publish_advert(advert())
    (tmp_path / "photos").mkdir()
    for name in [*(f"{number}.jpg" for number in range(8)), "bad.jpg"]:
        (tmp_path / "photos" / name).touch()
    return tmp_path


@contextmanager
def started(settings: Settings, cwd: Path, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    environment = {**os.environ, "VEDETTE_REDIS_URL": settings.redis_url}
    process = subprocess.Popen(
        [*VEDETTE, *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def run(settings: Settings, cwd: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    with started(settings, cwd, *arguments) as process:
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def the_job(redis_client: redis.Redis) -> str:
    """The id of the one job there is, once it is sealed."""
    return wait_until(lambda: next(iter(sealed_jobs(redis_client)), ""), that="a job is submitted")


def sealed_jobs(redis_client: redis.Redis) -> list[str]:
    hashes = [key for key in redis_client.keys(keys.job("*")) if key.count(":") == 2]
    return [key.removeprefix(keys.job("")) for key in hashes if redis_client.hget(key, "sealed") == "1"]


def work(ledger: Ledger, job: str, tasks: int | None = None) -> None:
    for task in ledger.tasks(job)[:tasks]:
        finish(ledger, job, task)


def finish(ledger: Ledger, job: str, task: str) -> None:
    claim = ledger.claim(job, task, "small@yard")
    assert not isinstance(claim, str), claim
    for image in claim.images:
        result = result_of(image.name)
        ledger.record(job, task, claim.attempt, [(image.index, result)])
    attempt = Attempt(attempt=claim.attempt, worker="small@yard", batch_size=8, ended=datetime.now(UTC))
    ledger.close(job, task, attempt, PutBack("detect.any.512m", 8))


def result_of(name: str) -> ImageResult:
    if "dead" in name:
        return not_processed(name, "memory")
    return not_processed(name) if "bad" in name else found(name)


def test_detect_from_submission_to_summary(
    settings: Settings, photos: Path, ledger: Ledger, redis_client: redis.Redis
) -> None:
    worker = threading.Thread(target=lambda: work(ledger, the_job(redis_client)))
    worker.start()
    done = run(settings, photos, "detect", "photos", "--model", "defects-small", "--out", "out")
    worker.join()

    assert done.returncode == 1, done.stderr
    assert "8 of 9 images processed in " in done.stdout
    assert "8 detections: 8 scratch" in done.stdout
    assert "  photos/bad.jpg  image_missing  " in done.stdout
    lines = [json.loads(line) for line in (photos / "out/results.jsonl").read_text().splitlines()]
    assert [line["image"] for line in lines] == [*(f"photos/{number}.jpg" for number in range(8)), "photos/bad.jpg"]
    assert [line["image"] for line in lines if "failure" in line] == ["photos/bad.jpg"]
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_the_job_running(
    settings: Settings, photos: Path, ledger: Ledger, redis_client: redis.Redis
) -> None:
    with started(settings, photos, "detect", "photos", "--model", "defects-small", "--batch-size", "4") as process:
        job = the_job(redis_client)
        work(ledger, job, tasks=1)
        results = photos / "vedette-out" / job / "results.jsonl"
        wait_until(lambda: results.exists() and results.read_text().count("\n") == 8, that="results come in")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)

    assert process.returncode == 130
    assert f"job {job} goes on without you; 8 of 9 images were done." in err
    assert "Traceback" not in err
    assert ledger.status(job).state == "open"

    fetched = run(settings, photos, "results", job, "--no-follow", "--out", "-")
    assert (fetched.returncode, fetched.stdout.count("\n")) == (1, 8)
    shown = run(settings, photos, "status", job)
    assert "images    8 of 9 done" in shown.stdout
    assert "is cancelled" in run(settings, photos, "cancel", job).stdout
    assert ledger.status(job).state == "cancelled"


def test_detach_then_results(settings: Settings, photos: Path, ledger: Ledger) -> None:
    done = run(settings, photos, "detect", "photos/[0-9].jpg", "--model", "defects-small", "--detach")
    job = done.stdout.strip()
    work(ledger, job)

    fetched = run(settings, photos, "results", job)

    assert (done.returncode, fetched.returncode) == (0, 0)
    assert (photos / "vedette-out" / job / "results.jsonl").read_text().count("\n") == 8


def test_results_follow_a_job_that_is_under_way_in_two_formats(
    settings: Settings, photos: Path, ledger: Ledger
) -> None:
    # Given a job of two tasks, of which none is done
    arguments = ("photos", "--model", "defects-small", "--batch-size", "4", "--detach")
    job = run(settings, photos, "detect", *arguments).stdout.strip()
    formats = ("--format", "csv", "--format", "megadetector", "--out", "out")
    with started(settings, photos, "results", job, *formats) as process:
        # When the first is done
        work(ledger, job, tasks=1)

        # Then its results are there while the job goes on
        rows = photos / "out" / "results.csv"
        wait_until(lambda: rows.exists() and rows.read_text().count("\n") == 9, that="eight rows come in")
        assert process.poll() is None

        # And when the other is, that was all
        for task in ledger.tasks(job)[1:]:
            finish(ledger, job, task)
        _, err = process.communicate(timeout=10)
    assert (process.returncode, "Traceback" in err) == (1, False)
    assert rows.read_text().splitlines()[-1].split(",")[1:3] == ["photos/bad.jpg", "failure"]
    text = (photos / "out" / "results.megadetector.json").read_text()
    assert flaws(text) == []
    assert len(json.loads(text)["images"]) == 9


def test_files_that_were_uploaded_are_submitted_by_their_content(
    settings: Settings, photos: Path, ledger: Ledger
) -> None:
    (photos / "photos" / "1.jpg").write_bytes(b"image")

    done = run(settings, photos, "detect", "photos/1.jpg", "--upload", "--model", "defects-small", "--detach")

    (task,) = ledger.tasks(done.stdout.strip())
    assert [(image.name, image.uri) for image in ledger.images_left(task)] == [
        ("photos/1.jpg", f"blob:sha256:{hashlib.sha256(b'image').hexdigest()}")
    ]


def test_nobody_can_run_it(settings: Settings, photos: Path, registry: Registry) -> None:
    registry.publish_model(spec("defects-large", base="3g"))

    done = run(settings, photos, "detect", "photos", "--model", "defects-large")

    assert done.returncode == 3
    assert done.stderr.startswith("error: no live worker can run defects-large@1: it needs 4 GiB of memory per slot")
    assert "Traceback" not in done.stderr


def test_no_redis_is_one_line(settings: Settings, photos: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"

    done = run(settings, photos, "--redis", url, "detect", "photos", "--model", "defects-small")

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: no Redis at {url}")
    assert done.stderr.count("\n") == 1


def test_dead_letters_are_looked_at_put_back_and_dropped(
    settings: Settings, photos: Path, ledger: Ledger, registry: Registry, redis_client: redis.Redis
) -> None:
    # Given a job of which two images died
    for name in ("dead-1.jpg", "dead-2.jpg"):
        (photos / "photos" / name).touch()
    job = run(settings, photos, "detect", "photos", "--model", "defects-small", "--detach").stdout.strip()
    work(ledger, job)

    # When one looks
    listed = run(settings, photos, "dead", "list", job)
    assert [line.split()[:3] for line in listed.stdout.splitlines()[1:]] == [
        ["photos/dead-1.jpg", "memory", "1"],
        ["photos/dead-2.jpg", "memory", "1"],
    ]
    letter = json.loads(run(settings, photos, "dead", "show", job, "photos/dead-1.jpg", "--json").stdout)
    assert [attempt["worker"] for attempt in letter["history"]] == ["small@yard"]

    # And drops one and puts the other back
    assert run(settings, photos, "dead", "drop", job, "photos/dead-2.jpg").stdout.startswith("1 dead letter of")
    registry.publish_advert(advert())  # on a busy machine, five commands take longer than an advert lives
    retried = run(settings, photos, "dead", "retry", job)
    assert (retried.returncode, retried.stderr) == (0, "")
    assert retried.stdout.startswith(f"1 image of job {job} put back\n`vedette results {job}`")

    # Then that one is done again, and nothing is left to retry
    assert ledger.status(job).state == "open"
    (task,) = ledger.tasks(job)[-1:]
    assert [image.name for image in ledger.images_left(task)] == ["photos/dead-1.jpg"]
    assert len(redis_client.lrange("detect.any.512m", 0, -1)) == len(ledger.tasks(job))
    assert "has no dead letters" in run(settings, photos, "dead", "list", job).stdout
