"""docs/models.md names every field of [signature] and [outputs], and every form."""

import re
from pathlib import Path
from typing import get_args

import pytest

from contract import model_io
from contract.engine_plan import EnginePlan
from contract.model_io import Signature, Suppression
from workers.engine.forms import FORMS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
KINDS = get_args(get_args(model_io.Outputs)[0])


def section(title: str) -> str:
    """From a heading to the next of its depth."""
    return re.split(r"\n##+ ", DOCUMENT.split(f"{title}\n", 1)[1], maxsplit=1)[0]


def words(text: str) -> set[str]:
    """What is set as code."""
    return {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[a-z_0-9-]+", code)}


def test_every_field_of_a_signature_is_explained():
    assert set(Signature.model_fields) <= words(section("### `[signature]`: how a model is fed"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_of_outputs_stands_in_the_row_of_its_kind(kind):
    name = kind.model_fields["kind"].default
    [row] = [
        line for line in section("### `[outputs]`: how what it gives is read").splitlines() if f"| `{name}` |" in line
    ]

    assert set(kind.model_fields) - {"kind"} <= words(row)


def test_every_field_of_suppression_is_named():
    assert set(Suppression.model_fields) <= words(section("### `[outputs]`: how what it gives is read"))


def test_every_form_has_its_row():
    rows = set(re.findall(r"^\| `([a-z0-9-]+)` \|", section("## A SavedModel as it was exported"), flags=re.MULTILINE))

    # A class may know two forms by one look.
    assert rows == {form.name for form in FORMS} | {"yolov5", "detr"}


def test_every_field_of_an_engine_plan_is_explained():
    assert set(EnginePlan.model_fields) <= words(section("### `[[engine]]`: how it is run on a kind of machine"))
