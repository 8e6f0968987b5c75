"""What stands beside a model."""

import pytest

from workers.engine.side_files import input_size_px, read_side_files, resizer_px

FIXED = "model { ssd { num_classes: 90 image_resizer { fixed_shape_resizer { height: 320 width: 640 } } } }"
KEEPING = """
image_resizer {
  keep_aspect_ratio_resizer {
    min_dimension: 600
    max_dimension: 1024
    pad_to_max_dimension: true
  }
}
"""


@pytest.mark.parametrize(
    ("text", "longer_px"),
    [(FIXED, 640), (KEEPING, 1024), ("image_resizer { identity_resizer {} }", 0), ("", 0)],
)
def test_the_resizer_of_a_pipeline(text, longer_px):
    assert resizer_px(text) == longer_px


@pytest.mark.parametrize(
    ("params", "longer_px"),
    [({"task": {"model": {"input_size": [320, 640, 3]}}}, 640), ({"task": {}}, 0), ({}, 0), ({"task": None}, 0)],
)
def test_the_input_size_of_params(params, longer_px):
    assert input_size_px(params) == longer_px


def test_a_pipeline_stands_beside_the_directory_saved_model(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "pipeline.config").write_text(KEEPING)

    assert read_side_files(tmp_path / "saved_model").resizes_to_px == 1024


def test_the_parent_of_another_directory_is_left_alone(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "pipeline.config").write_text(KEEPING)

    assert read_side_files(tmp_path / "1").resizes_to_px == 0


@pytest.mark.parametrize("text", ["names: [a", "- a\n- b", "\x00"])
def test_metadata_that_is_none_is_nothing(tmp_path, text):
    (tmp_path / "metadata.yaml").write_text(text)

    assert read_side_files(tmp_path).ultralytics == {}


def test_metadata_of_ultralytics(tmp_path):
    (tmp_path / "metadata.yaml").write_text("task: detect\nnames:\n  0: person\n")

    assert read_side_files(tmp_path).ultralytics == {"task": "detect", "names": {0: "person"}}
