"""What a caller may pass: pure checks, each of which names the argument, its value and what was expected."""

import math
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final, TypeAlias

from contract.messages import ImageRef
from contract.reference_policy import NOTHING, Policy, check_reference
from contract.references import FileReference, ReferenceRefused, file_uri, looks_like_address, parse_reference
from producer.errors import InvalidArgument

#: One image as callers name it: a path or an address, or what to call it in the results and its path or address.
Image: TypeAlias = str | Path | tuple[str, str | Path]

BATCH_SIZE_MAX: Final = 4096


def check_model(model: Any) -> str:
    if not isinstance(model, str) or not model.strip():
        raise InvalidArgument(f"model={model!r}: expected a name such as defects-small or defects-small@1")
    return model.strip()


def check_batch_size(batch_size: Any) -> int | None:
    """None means: the model's own."""
    if batch_size is None:
        return None
    whole = isinstance(batch_size, Integral) and not isinstance(batch_size, bool)
    if not whole or not 1 <= int(batch_size) <= BATCH_SIZE_MAX:
        raise InvalidArgument(f"batch_size={batch_size!r}: expected a whole number from 1 to {BATCH_SIZE_MAX}")
    return int(batch_size)


def check_min_score(min_score: Any) -> float:
    return _share("min_score", min_score, "a number from 0 (keep all) to 1")


def check_max_failure_rate(rate: Any) -> float | None:
    return None if rate is None else _share("max_failure_rate", rate, "a share of the images, from 0 to 1, or None")


def _share(name: str, value: Any, expected: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise InvalidArgument(f"{name}={value!r}: expected {expected}")
    return float(value)


def check_images(images: Any) -> Iterable[Image]:
    if isinstance(images, str | bytes | os.PathLike) or not isinstance(images, Iterable):
        raise InvalidArgument(f"images={images!r}: expected several images, such as a list of paths")
    return images


def timeout_s(timeout: timedelta | float | None) -> float | None:
    """Seconds; None stays None and means: for ever."""
    if timeout is None:
        return None
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not isinstance(seconds, Real) or isinstance(seconds, bool) or math.isnan(seconds) or seconds < 0:
        raise InvalidArgument(f"timeout={timeout!r}: expected seconds or a timedelta, 0 or more, or None")
    return float(seconds)


def image_refs(images: Iterable[Image], policy: Policy = NOTHING) -> Iterator[ImageRef]:
    """Numbers the images and makes their paths absolute, without following links or looking whether they exist.

    InvalidArgument for an address that `policy` does not open. A file name that is not UTF-8 cannot travel in JSON: its
    path becomes a percent-encoded `file://`, and in the results its odd bytes are spelled `\\xff`.
    """
    for index, image in enumerate(images):
        name, place = image if isinstance(image, tuple) and len(image) == 2 else (image, image)
        for value in (name, place):
            _check_text(index, value)
        yield ImageRef(index=index, name=_speakable(name), uri=_uri(index, place, policy))


def _check_text(index: int, value: Any) -> None:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise InvalidArgument(
            f"images[{index}]: {value!r} is no image; expected a path or an address, or a tuple of name and that"
        )


def _uri(index: int, place: str | Path, policy: Policy) -> str:
    if isinstance(place, Path) or not looks_like_address(place):
        return file_uri(Path(place).absolute())
    try:
        reference = parse_reference(place)
        check_reference(reference, policy)
    except ReferenceRefused as refusal:
        raise InvalidArgument(f"images[{index}]: {refusal}") from None
    return place if isinstance(reference, FileReference) else reference.uri


def _speakable(value: str | Path) -> str:
    return os.fsencode(value).decode("utf-8", errors="backslashreplace")
