import json
import math

import pytest
from pydantic import ValidationError

from contract.errors import MessageError, MessageVersionError
from contract.messages import Detection, DetectMessage, Failure, ImageRef, ImageResult, JobOptions, read_message
from tests.support.builders import DIGEST, found, not_processed

DETECT = {"v": 1, "job": "j1", "task": "t1", "model": "defects-small@1", "batch_size": 8}
IMAGE = {"index": 0, "name": "a.jpg", "uri": "/images/a.jpg", "batch_cap": 4, "shrink": 2, "lone_deaths": 1}
OPTIONS = {
    "v": 1,
    "model": "defects-small@1",
    "digest": DIGEST,
    "batch_size": 8,
    "min_score": 0.3,
    "allow_degraded": True,
    "max_failure_rate": 0.2,
}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [(DetectMessage, DETECT), (ImageRef, IMAGE), (JobOptions, OPTIONS), (JobOptions, {**OPTIONS, "exact": True})],
)
def test_a_message_survives_the_journey_through_json(kind, fields):
    message = read_message(kind, fields)

    assert message.model_dump() == fields
    assert kind.model_validate_json(message.model_dump_json()) == message


def test_without_a_version_a_message_is_of_version_1():
    fields = {name: value for name, value in DETECT.items() if name != "v"}

    assert read_message(DetectMessage, fields) == read_message(DetectMessage, DETECT)


@pytest.mark.parametrize("version", [0, 2, 99])
def test_an_unknown_version_is_refused_as_such(version):
    # Given a message of another Vedette, with fields that this one has never heard of
    fields = {"v": version, "shard": 4}

    with pytest.raises(MessageVersionError) as refused:
        read_message(DetectMessage, fields)

    assert str(refused.value) == (
        f"DetectMessage of version {version}: this Vedette reads version 1; upgrade the older side"
    )
    assert refused.value.code == "message_version"


@pytest.mark.parametrize(
    ("flaw", "field"),
    [
        ({"v": "1"}, "v"),
        ({"v": None}, "v"),
        ({"job": 7}, "job"),
        ({"job": ""}, "job"),
        ({"job": "../../etc"}, "job"),
        ({"job": "j" * 65}, "job"),
        ({"task": None}, "task"),
        ({"task": "t1\n"}, "task"),
        ({"model": ["defects-small"]}, "model"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "8"}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"batch_size": 8.5}, "batch_size"),
        ({"images": []}, "images"),
    ],
)
def test_a_wrong_type_or_an_extra_field_is_named(flaw, field):
    with pytest.raises(MessageError) as refused:
        read_message(DetectMessage, DETECT | flaw)

    assert str(refused.value).startswith(f"DetectMessage is malformed: {field}: ")
    assert refused.value.code == "message_invalid"


@pytest.mark.parametrize("missing", ["job", "task", "model", "batch_size"])
def test_a_missing_field_is_named(missing):
    fields = {name: value for name, value in DETECT.items() if name != missing}

    with pytest.raises(MessageError, match=rf"{missing}: Field required"):
        read_message(DetectMessage, fields)


def test_every_flaw_of_a_message_is_named_and_long_values_are_cut():
    with pytest.raises(MessageError) as refused:
        read_message(DetectMessage, {"job": "j" * 500, "task": 7})

    message = str(refused.value)
    assert all(field in message for field in ("job: ", "task: ", "model: ", "batch_size: "))
    assert "j" * 100 not in message


@pytest.mark.parametrize("min_score", [-0.1, 1.1, math.nan, "0.3"])
def test_a_score_threshold_is_a_share(min_score):
    with pytest.raises(MessageError, match="min_score"):
        read_message(JobOptions, OPTIONS | {"min_score": min_score})


@pytest.mark.parametrize("min_score", [0, 1, 0.5])
def test_the_ends_of_the_share_are_allowed(min_score):
    assert read_message(JobOptions, OPTIONS | {"min_score": min_score}).min_score == min_score


# The shapes below are what results.jsonl, Python and HTTP promise: names, order, and what is absent.


def test_the_line_of_a_processed_image():
    line = found("a.jpg", detections=1, degraded=None).model_dump_json()

    assert json.loads(line, object_pairs_hook=list) == [
        ("image", "a.jpg"),
        ("width", 1280),
        ("height", 960),
        ("model", "defects-small@1"),
        ("detections", [[("label", "scratch"), ("class_id", 1), ("score", 0.93), ("box", [10.0, 20.0, 110.5, 60.0])]]),
        ("worker", "small@yard"),
        ("batch_size", 8),
        ("attempts", 1),
        ("degraded", None),
    ]


def test_the_line_of_a_failed_image_has_no_detections():
    line = not_processed("a.jpg", "image_unreadable", worker="small@yard").model_dump_json()

    assert json.loads(line, object_pairs_hook=list) == [
        ("image", "a.jpg"),
        ("width", None),
        ("height", None),
        ("model", "defects-small@1"),
        ("failure", [("code", "image_unreadable"), ("message", "nothing at /images/a.jpg")]),
        ("worker", "small@yard"),
        ("attempts", 1),
    ]


def test_nothing_found_is_an_empty_list_and_no_failure():
    fields = found(detections=0).model_dump()

    assert fields["detections"] == []
    assert "failure" not in fields


@pytest.mark.parametrize("result", [found(), found(detections=0), found(degraded={"side": 0.5}), not_processed()])
def test_a_result_that_was_written_can_be_read(result):
    assert ImageResult.model_validate_json(result.model_dump_json()) == result
    assert ImageResult.model_validate(result.model_dump()) == result
    assert result.ok is (result.failure is None)


@pytest.mark.parametrize(
    "both_or_neither",
    [{}, {"detections": [], "failure": Failure(code="crash", message="died")}],
)
def test_a_result_is_detections_or_a_failure_and_never_both_or_neither(both_or_neither):
    with pytest.raises(ValidationError, match="detections or a failure"):
        ImageResult(image="a.jpg", model="defects-small@1", attempts=1, **both_or_neither)


def test_a_result_can_be_dumped_without_its_nulls():
    assert "degraded" not in found().model_dump(exclude_none=True)
    assert "width" not in not_processed().model_dump(exclude_none=True)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_json_lacks_are_refused_before_they_are_written(number):
    with pytest.raises(ValidationError, match="score"):
        Detection(label="dent", class_id=2, score=number, box=(0, 0, 1, 1))
    with pytest.raises(ValidationError, match="box"):
        Detection(label="dent", class_id=2, score=0.5, box=(0, number, 1, 1))


def test_an_unknown_failure_code_is_refused():
    with pytest.raises(ValidationError, match="code"):
        Failure(code="image_ugly", message="")
