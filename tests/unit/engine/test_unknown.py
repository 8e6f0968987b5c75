"""The error of a signature that nobody knows is a form to fill in."""

import tomllib

import pytest
from pydantic import TypeAdapter

from contract.model_io import BoxesOutputs, GridOutputs, Outputs, Signature, Suppression
from workers.engine.facts import ModelFacts, SignatureFacts, TensorFacts
from workers.engine.toml_text import table
from workers.engine.unknown import proposal, unknown

MINE = SignatureFacts(
    "serving_default",
    {"photo": TensorFacts("float32", (1, 320, 320, 3))},
    {
        "where": TensorFacts("float32", (1, 50, 4)),
        "how_sure": TensorFacts("float32", (1, 50)),
        "what_class": TensorFacts("float32", (1, 50)),
        "free": TensorFacts("float32", None),
    },
)


def test_it_shows_the_signature_and_the_lines_to_write():
    error = unknown(ModelFacts({"serving_default": MINE}), "mine: not known.")

    assert error.code == "signature_unknown"
    assert str(error).splitlines() == [
        "mine: not known.",
        "  signature serving_default",
        "    input   photo       float32 [1, 320, 320, 3]",
        "    output  free        float32 of any shape",
        "    output  how_sure    float32 [1, 50]",
        "    output  what_class  float32 [1, 50]",
        "    output  where       float32 [1, 50, 4]",
        "Describe it in model.toml; docs/models.md explains each field. To begin with:",
        "  [signature]",
        '  input = "photo"',
        '  input_dtype = "float32"',
        '  batch = "one"',
        "  size_px = [320, 320]",
        "  [outputs]",
        '  kind = "boxes"  # or rows, candidates, grid, queries, anchors',
        '  boxes = "where"',
        '  scores = "how_sure"',
        '  classes = "what_class"',
        '  count = "…"',
        '  order = "yxyx"  # or xyxy, xywh, cxcywh',
        '  units = "fraction"  # or pixel',
    ]


def test_the_lines_are_what_a_model_toml_takes():
    read = tomllib.loads(proposal(MINE))

    assert Signature.model_validate(read["signature"]).size_px == (320, 320)
    assert TypeAdapter(Outputs).validate_python(read["outputs"]).boxes == "where"


def test_inputs_that_are_no_images_are_left_to_be_filled_in():
    two = SignatureFacts("detect", {"a": TensorFacts("float32", None), "b": TensorFacts("int32", ())}, MINE.outputs)

    assert 'input = "…"  # one of a, b' in proposal(two)


def test_a_model_without_a_signature():
    assert "no signature" in str(unknown(ModelFacts({}), "mine: not known."))


@pytest.mark.parametrize(
    "part",
    [
        Signature(),
        Signature(input="a:0", std=(1, 2, 3), size_px=(3, 4), batch=8, pad=1),
        BoxesOutputs(batched=False, count=""),
        GridOutputs(tensor='"quoted" \\ ü', suppression=Suppression(iou=0.6, most=3)),
    ],
)
def test_a_table_reads_back_as_what_it_was(part):
    read = tomllib.loads(table("part", part))["part"]

    assert type(part).model_validate(read) == part
