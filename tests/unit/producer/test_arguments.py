"""What a caller may pass, and what is said to one who passes something else."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.reference_policy import Policy, parse_bucket_rule, parse_host_rule
from contract.references import FileReference, parse_reference
from producer.arguments import (
    check_batch_size,
    check_images,
    check_min_score,
    check_model,
    image_refs,
    timeout_s,
)
from producer.errors import InvalidArgument


@pytest.mark.parametrize("batch_size", [0, -1, 4097, 2.5, "8", True])
def test_batch_size_out_of_range(batch_size: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"batch_size=.*expected a whole number from 1 to 4096"):
        check_batch_size(batch_size)


def test_batch_size_may_be_left_to_the_model() -> None:
    assert check_batch_size(None) is None
    assert check_batch_size(16) == 16


@pytest.mark.parametrize("min_score", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_min_score_out_of_range(min_score: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"min_score=.*from 0 \(keep all\) to 1"):
        check_min_score(min_score)


@pytest.mark.parametrize("model", ["", "  ", None, 3])
def test_model_without_a_name(model: Any) -> None:
    with pytest.raises(InvalidArgument, match="model="):
        check_model(model)


@pytest.mark.parametrize("images", ["a.jpg", b"a.jpg", Path("a.jpg"), None, 5])
def test_one_path_is_not_several_images(images: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"images=.*list of paths"):
        check_images(images)


@pytest.mark.parametrize("timeout", [-1, float("nan"), timedelta(seconds=-1), "5", True])
def test_a_timeout_that_is_none(timeout: Any) -> None:
    with pytest.raises(InvalidArgument, match="timeout="):
        timeout_s(timeout)


def test_timeouts_are_seconds_or_timedelta() -> None:
    assert timeout_s(timedelta(minutes=1)) == 60.0
    assert timeout_s(0) == 0.0
    assert timeout_s(None) is None


def test_refs_are_numbered_named_as_given_and_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    refs = [*image_refs(["photos/a.jpg", Path("b.jpg"), ("third", "/archive/c.jpg")])]

    assert [ref.index for ref in refs] == [0, 1, 2]
    assert [ref.name for ref in refs] == ["photos/a.jpg", "b.jpg", "third"]
    assert [ref.uri for ref in refs] == [f"{tmp_path}/photos/a.jpg", f"{tmp_path}/b.jpg", "/archive/c.jpg"]


def test_links_are_not_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    (ref,) = image_refs([tmp_path / "link" / "a.jpg"])

    assert ref.uri == str(tmp_path / "link" / "a.jpg")


@pytest.mark.parametrize("image", ["", None, 3, "a\0.jpg", ("a",), ("a", "b", "c"), (1, "a.jpg")])
def test_an_image_that_is_none_is_named_by_its_place(image: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"images\[1\].*expected a path"):
        [*image_refs(["good.jpg", image])]


def test_an_address_that_no_setting_opens_is_refused_before_anything_is_queued() -> None:
    with pytest.raises(
        InvalidArgument, match=r"images\[0\]: 'https://host/a.jpg' is refused \(host\).*VEDETTE_IMAGE_HOSTS"
    ):
        [*image_refs(["https://host/a.jpg?key=secret"])]
    with pytest.raises(InvalidArgument, match=r"images\[0\]: .* is refused \(scheme\)"):
        [*image_refs([("a.jpg", "data:image/png;base64,AAAA")])]


def test_an_address_that_is_open_travels_in_its_usual_spelling_and_is_called_as_it_was_given() -> None:
    policy = Policy(hosts=(parse_host_rule("*.example.org"),), buckets=(parse_bucket_rule("plates/2026"),))

    refs = [*image_refs(["HTTPS://A.Example.org:443/b.jpg?v=1#top", ("one", "s3://plates/2026/1.jpg")], policy)]

    assert [ref.name for ref in refs] == ["HTTPS://A.Example.org:443/b.jpg?v=1#top", "one"]
    assert [ref.uri for ref in refs] == ["https://a.example.org/b.jpg?v=1", "s3://plates/2026/1.jpg"]


def test_a_colon_in_a_file_name_makes_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    (ref,) = image_refs(["scan:12.jpg"])

    assert ref.uri == f"{tmp_path}/scan:12.jpg"


def test_a_name_that_is_not_utf8_can_travel() -> None:
    (ref,) = image_refs([os.fsdecode(b"/archive/caf\xe9 %.jpg")])

    assert ref.name == r"/archive/caf\xe9 %.jpg"
    assert ref.uri == "file:///archive/caf%E9%20%25.jpg"
    assert parse_reference(ref.uri) == FileReference(os.fsdecode(b"/archive/caf\xe9 %.jpg"))
    assert ref.model_dump_json()
