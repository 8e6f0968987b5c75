"""Images in buckets. The bucket is fsspec's memory, under the name of a protocol that needs no package of its own."""

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from contract.reference_policy import Policy, parse_bucket_rule
from contract.references import ObjectReference, ReferenceRefused, parse_reference
from workers.images.errors import ImageError
from workers.images.objects import read_object


class Bucket(MemoryFileSystem):
    protocol = ("s3", "gs")
    store: dict[str, Any] = {}  # noqa: RUF012  # fsspec's own way
    pseudo_dirs: list[str] = [""]  # noqa: RUF012
    fault: Exception | None = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("s3://").removeprefix("gs://")))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **how: Any) -> bytes:
        if Bucket.fault is not None:
            raise Bucket.fault
        return bytes(super().cat_file(path, start, end, **how))


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Bucket]]:
    for scheme in ("s3", "gs"):
        monkeypatch.setitem(_registry, scheme, Bucket)
    Bucket.store.clear()
    Bucket.fault = None
    files = Bucket(skip_instance_cache=True)
    files.pipe_file("/plates/2026/a.jpg", b"image")
    files.pipe_file("/plates/2026/empty.jpg", b"")
    files.pipe_file("/plates/secret.jpg", b"secret")
    yield Bucket
    Bucket.clear_instance_cache()


def read(uri: str, rule: str = "plates/2026", bytes_max: int = 100) -> bytes:
    reference = parse_reference(uri)
    assert isinstance(reference, ObjectReference)
    return read_object(reference, Policy(buckets=(parse_bucket_rule(rule),)), bytes_max)


def code(uri: str, **how: Any) -> str:
    with pytest.raises(ImageError) as raised:
        read(uri, **how)
    return raised.value.failure.code


def test_an_object_below_what_is_listed_is_read() -> None:
    assert read("s3://plates/2026/a.jpg") == b"image"
    assert read("gs://plates/2026/a.jpg", "gs://plates") == b"image"
    assert read("s3://plates/2026/a.jpg", bytes_max=5) == b"image"


@pytest.mark.parametrize("rule", ["gs://plates/2026", "plates/2025", "plates/20", "others"])
def test_what_is_not_listed_is_not_asked_for(rule: str, bucket: type[Bucket]) -> None:
    bucket.fault = AssertionError("it was asked for")

    with pytest.raises(ReferenceRefused, match=r"\(bucket\)"):
        read("s3://plates/2026/a.jpg", rule)


def test_what_is_wrong_with_an_object_is_told(bucket: type[Bucket]) -> None:
    assert code("s3://plates/2026/nothing.jpg") == "image_missing"
    assert code("s3://plates/2026", rule="plates") == "image_missing"
    assert code("s3://plates/2026/empty.jpg") == "image_empty"
    assert code("s3://plates/2026/a.jpg", bytes_max=4) == "image_too_large"
    bucket.fault = PermissionError("403")
    assert code("s3://plates/2026/a.jpg") == "image_forbidden"
    bucket.fault = TimeoutError("connect timed out")
    assert code("s3://plates/2026/a.jpg") == "unreachable"


def test_a_package_that_this_worker_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("s3fs") is not None:
        pytest.skip("s3fs is installed")
    monkeypatch.delitem(_registry, "s3")

    with pytest.raises(ImageError, match="pip install s3fs") as raised:
        read("s3://plates/2026/a.jpg")

    assert raised.value.failure.code == "unreachable"
