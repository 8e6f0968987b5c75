"""Messages of version 1 as they were written when it was new. They stay readable: a rollout has both sides at once.

A file here is never changed. A new version gets a folder of its own.
"""

import json
from pathlib import Path

import pytest

from contract.ledger.records import Attempt
from contract.messages import DetectMessage, ImageRef, ImageResult, read_message, read_options
from contract.registry import Advert

V1 = Path(__file__).parent / "v1"


def lines(name: str) -> list[str]:
    found = (V1 / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    assert found, name
    return found


@pytest.mark.parametrize("text", lines("detect_message"))
def test_doorbells(text):
    assert read_message(DetectMessage, json.loads(text)).task


@pytest.mark.parametrize("text", lines("job_options"))
def test_job_options(text):
    assert json.loads(read_options(text).model_dump_json()) == {
        "v": 1,
        "allow_degraded": False,
        "max_failure_rate": None,
        **json.loads(text),
    }


@pytest.mark.parametrize("text", lines("image_ref"))
def test_image_references(text):
    image = ImageRef.model_validate_json(text)

    assert {"index": image.index, "name": image.name, "uri": image.uri}.items() <= json.loads(text).items()


@pytest.mark.parametrize(
    ("kind", "text"),
    [(kind, text) for kind, name in ((ImageResult, "image_result"), (Attempt, "attempt")) for text in lines(name)],
)
def test_what_is_written_today_is_what_was_written_then(kind, text):
    assert json.loads(kind.model_validate_json(text).model_dump_json()) == json.loads(text)


@pytest.mark.parametrize("text", lines("advert"))
def test_adverts(text):
    assert Advert.model_validate_json(text).node == json.loads(text)["node"]
