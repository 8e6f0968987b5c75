"""The README's "Bring your own model" and the zoo's round trip: commands, a real worker, a local server as the zoo."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import archives
from tests.support.exporters import exporters
from tests.support.file_server import file_server
from tests.support.wait import wait_until
from tests.support.yard import yard_in

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Looks into the store every 30 upkeeps of half a second.
OFFERED_S = 60
ZOO_NAME = "ssd_mobilenet_v2_320x320_coco17_tpu-8"
#: As the README has it.
SHORT_NAME = "ssd_mobilenet_v2_320x320"


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    with yard_in(tmp_path_factory.mktemp("own-models")) as yard:
        yield yard


@pytest.fixture(scope="module")
def worker(yard):
    with yard.worker("own", "--memory", "2g", "--slots", "1") as worker:
        yield worker


def run(yard, *command: str) -> "subprocess.CompletedProcess[str]":
    settings = yard.settings
    return subprocess.run(
        [sys.executable, "-m", "vedette", *command],
        cwd=yard.directory,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "VEDETTE_REDIS_URL": settings.redis_url,
            "VEDETTE_MODEL_STORE": str(yard.store),
            "VEDETTE_ADVERT_LIFETIME": str(settings.advert_lifetime.total_seconds()),
            "VEDETTE_UPKEEP": str(settings.upkeep.total_seconds()),
            "HOME": str(yard.directory),
            "XDG_CACHE_HOME": str(yard.directory / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def offered(yard, name: str):
    return wait_until(
        lambda: next((spec for spec in yard.registry.models() if spec.name == name), None),
        OFFERED_S,
        that=f"{name} is offered",
    )


def section(title: str) -> list[str]:
    [text] = re.findall(rf"^## {title}\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


def test_a_model_of_ones_own_by_the_readmes_lines(yard, worker):
    # Given what the README speaks of: an export, its labels, photos
    export, photos = yard.directory / "exported", yard.images / "photos"
    export.mkdir()
    exporters()["od-api-dynamic"].build(export)
    (yard.directory / "labels.pbtxt").write_text("item { id: 1 name: 'bright' }")
    photos.mkdir()
    for number, path in enumerate(yard.plain_images(3)):
        path.rename(photos / f"{number}.png")
    (yard.directory / "photos").symlink_to(photos)

    # When its lines are typed
    lines = section("Bring your own model")
    assert len(lines) <= 10
    typed = [shlex.split(line, comments=True) for line in lines]
    told = {}
    for words in typed:
        if words[0] != "vedette" or words[1] == "up" or SHORT_NAME in words:
            continue
        if words[1] == "detect":
            offered(yard, words[words.index("--model") + 1])
        done = run(yard, *words[1:], *(["--effort", "minimal"] if words[2] == "add" else []))
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        told[" ".join(words[1:3])] = done.stdout

    # Then each step said what it came to
    assert re.search(r"^inspect +od-api: uint8, any size", told["models add"], re.MULTILINE)
    assert re.search(r"^register +mine@1 in ", told["models add"], re.MULTILINE)
    # And it is shown with its numbers, and who can run it
    assert re.search(r"^batch +memory +measured +images/s", told["models show"], re.MULTILINE)
    assert re.search(rf"^{worker.node} +(any batch|batches up to \d+)$", told["models show"], re.MULTILINE)
    # And it works
    assert "3 of 3 images processed" in told["detect photos"]


def test_a_model_of_the_zoo_is_added_used_and_removed(yard, worker, tmp_path):
    # Given a zoo that serves an archive of its usual shape
    exported = tmp_path / "exported"
    exported.mkdir()
    exporters()["od-api-image-tensor"].build(exported)
    files = {
        f"{ZOO_NAME}/saved_model/{path.relative_to(exported)}": path.read_bytes()
        for path in exported.rglob("*")
        if path.is_file()
    }
    files[f"{ZOO_NAME}/checkpoint/ckpt-0.index"] = b"x" * 1000
    files[f"{ZOO_NAME}/pipeline.config"] = (
        b"model { ssd { image_resizer { fixed_shape_resizer { height: 320 width: 320 }}}}"
    )
    place = tmp_path / "zoo" / "20200711" / f"{ZOO_NAME}.tar.gz"
    place.parent.mkdir(parents=True)
    archives.tar(place, files)

    # When it is added over a connection that breaks off once
    with file_server(tmp_path / "zoo", break_after=[3000]) as server:
        done = run(
            yard, "models", "add", SHORT_NAME, "--name", "ssd", "--zoo", server.url().rstrip("/"), "--effort", "minimal"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.asked_for(".tar.gz")[1].startswith("bytes="), "the download went on where it broke off"
    spec = offered(yard, "ssd")
    assert (spec.labels["1"], spec.labels["90"], spec.license) == ("person", "toothbrush", "Apache-2.0")
    assert spec.signature.resizes_to_px == 320

    # Then it detects
    [image] = yard.plain_images(1)
    found = run(yard, "detect", str(image), "--model", "ssd", "--out", "-")
    assert found.returncode == 0, found.stderr
    [line] = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]
    assert [each["label"] for each in line["detections"]] == ["person"]

    # And it is not removed while a job waits for it
    waiting = yard.add(spec, yard.plain_images(1))
    refused = run(yard, "models", "remove", "ssd@1")
    if not waiting.status().ended:
        assert refused.returncode == 2, refused.stdout
        assert waiting.name in refused.stderr
    waiting.finished(30)
    removed = run(yard, "models", "remove", "ssd@1")
    assert removed.returncode == 0, removed.stderr
    assert not (yard.store / "ssd").exists()
    assert "ssd" not in run(yard, "models").stdout
    assert worker.process.poll() is None


def test_a_store_is_needed_and_the_bundled_one_is_no_place():
    done = subprocess.run(
        [sys.executable, "-m", "vedette", "models", "add", "anything", "--name", "mine"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "export VEDETTE_MODEL_STORE=" in done.stderr
    assert "Traceback" not in done.stderr
