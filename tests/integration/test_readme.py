"""The README does what it says: its commands and its Python run against a stack, with the bundled models."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from vedette.plates import render_plate
from vedette.stack import Stack, WorkerPlan

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEFAULT_URL = "redis://127.0.0.1:6379/0"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    worker = WorkerPlan("readme", ("--memory", "1g", "--slots", "1"))
    with Stack(
        tmp_path_factory.mktemp("stack"),
        [worker],
        redis_port=6379,
        flower_port=None,
        gateway_port=8080,
        image_roots=[tmp_path_factory.getbasetemp()],
    ) as stack:
        yield stack


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with the plates that the README speaks of."""
    (tmp_path / "plates").mkdir()
    for number in (1, 2):
        plate = render_plate(1_500_000 + number, 640, 480)
        cv2.imwrite(str(tmp_path / "plates" / f"plate-{number:02}.png"), plate.image)
    return tmp_path


def run(stack: Stack, here: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=here,
        env={**os.environ, "VEDETTE_REDIS_URL": stack.broker_url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def commands(starting_with: str) -> list[str]:
    typed = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in typed if line.startswith(starting_with)]


def test_the_python_example_prints_what_it_found(stack: Stack, here: Path) -> None:
    [example] = blocks("python")
    assert DEFAULT_URL in example

    ran = run(stack, here, sys.executable, "-c", example.replace(DEFAULT_URL, stack.broker_url))

    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^plates/plate-0[12]\.png (scratch|dent|hole|stain) 0\.\d+ \(", ran.stdout, re.MULTILINE)


#: Their models and photos are made in tests/integration/test_models_cli.py, which types them too.
OWN_MODEL = README.partition("## Bring your own model")[2].partition("\n## ")[0]
TYPED_HERE = [line for line in commands("vedette ") if line not in OWN_MODEL and not line.startswith("vedette up")]


@pytest.mark.parametrize("line", TYPED_HERE)
def test_the_commands_do_what_they_say(stack: Stack, here: Path, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]

    ran = run(stack, here, sys.executable, "-m", "vedette", *words)

    assert ran.returncode == 0, ran.stderr
    if words[0] == "detect":
        lines = (here / "found" / "results.jsonl").read_text(encoding="utf-8").splitlines()
        assert {json.loads(text)["image"] for text in lines} == {"plates/plate-01.png", "plates/plate-02.png"}
        assert len(list((here / "found" / "annotated").rglob("*.png"))) == 2


def test_the_curl_lines_do_what_they_say(stack: Stack, here: Path) -> None:
    [block] = [block for block in blocks("console") if block.startswith("$ curl")]
    script = re.sub(r"^\$ ", "", block, flags=re.MULTILINE)
    assert "localhost:8080" in script
    assert stack.gateway_url is not None

    ran = run(stack, here, "bash", "-euc", script.replace("localhost:8080", stack.gateway_url))

    assert ran.returncode == 0, ran.stderr
    one, *lines = [json.loads(line) for line in ran.stdout.replace("}{", "}\n{").splitlines()]
    assert one["image"] == str(here / "plates/plate-01.png")
    assert one["detections"]
    assert {line["image"] for line in lines if "image" in line} == {
        str(here / f"plates/plate-0{n}.png") for n in (1, 2)
    }
    assert (lines[-1]["state"], lines[-1]["done"]) == ("done", 2)


def test_the_curl_lines_that_send_files_and_lists_do_what_they_say(stack: Stack, here: Path) -> None:
    [block] = [block for block in blocks("console") if "-F images" in block]
    script = re.sub(r"^\$ ", "", block, flags=re.MULTILINE)
    assert stack.gateway_url is not None

    ran = run(stack, here, "bash", "-euc", script.replace("localhost:8080", stack.gateway_url))

    assert ran.returncode == 0, ran.stderr
    *lines, last, job = [json.loads(line) for line in ran.stdout.replace("}{", "}\n{").splitlines()]
    results = [line for line in lines if "image" in line]
    assert {line["image"] for line in results} == {"plate-01.png", "plate-02.png"}
    assert all("detections" in line for line in results)
    assert (last["state"], last["done"]) == ("done", 2)
    assert (job["total"], job["sealed"]) == (2, True)


def test_the_result_lines_have_the_fields_that_they_have() -> None:
    from contract.messages import ImageResult

    lines = [line for block in blocks("json") for line in block.splitlines()]

    assert len(lines) == 2
    for line in lines:
        assert json.loads(ImageResult.model_validate_json(line).model_dump_json()) == json.loads(line)


def test_every_verb_of_make_is_one() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    verbs = {words[1] for line in commands("make") if len(words := shlex.split(line, comments=True)) > 1}

    assert verbs
    assert verbs <= set(targets)


def test_every_file_that_is_linked_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
