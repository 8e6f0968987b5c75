"""Images as requests name them: what of that a job can have."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from producer.arguments import Image
from producer.errors import InvalidArgument
from producer.gateway.errors import RequestTooLarge
from producer.gateway.limits import Limits
from producer.gateway.schemas import NamedImage

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def images_of(given: Sequence[str | NamedImage], limits: Limits) -> list[Image]:
    """What `Client.submit` takes; InvalidArgument names the first image that cannot be one."""
    if len(given) > limits.images:
        raise RequestTooLarge(
            f"images has {len(given)} entries; at most {limits.images} are taken at once. Submit in several jobs, "
            "or as application/x-ndjson, which has no such limit."
        )
    return [*_images(given, limits)]


def image_of(where: str, given: str | NamedImage, limits: Limits) -> tuple[str, str]:
    """Name and reference; InvalidArgument begins with `where`."""
    name, uri = (given, given) if isinstance(given, str) else (given.name, given.uri)
    for value in (name, uri):
        check_name(where, value, limits)
    # What is relative to the gateway's directory is nothing that its callers know.
    if not uri.startswith("/") and not _ADDRESS.match(uri):
        raise InvalidArgument(
            f"{where}: {uri!r:.200} is neither an absolute path, such as /images/a.jpg, nor an address"
        )
    return name, uri


def check_name(where: str, value: str, limits: Limits) -> None:
    if len(value) > limits.reference_chars:
        raise InvalidArgument(f"{where}: {len(value)} characters; at most {limits.reference_chars}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{where}: {value!r:.200} has half a surrogate pair, which is no text") from None


def _images(given: Sequence[str | NamedImage], limits: Limits) -> Iterator[Image]:
    for place, image in enumerate(given):
        yield image_of(f"images[{place}]", image, limits)
