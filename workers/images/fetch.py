"""Reads the bytes behind a reference, once it is known to point where it may."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from contract.blobs import digest_of
from contract.memory import format_bytes
from contract.reference_policy import NOTHING, Policy
from contract.references import (
    BlobReference,
    FileReference,
    HttpReference,
    ObjectReference,
    ReferenceRefused,
    parse_reference,
)
from workers.images.errors import ImageError
from workers.images.objects import read_object
from workers.images.remote import FetchLimits, fetch, too_large

#: Of a digest and a number of bytes: the bytes, one more than that when there are more, or None.
ReadBlob = Callable[[str, int], bytes | None]


def read_image(
    uri: str, roots: Sequence[Path], bytes_max: int, policy: Policy = NOTHING, read_blob: ReadBlob | None = None
) -> bytes:
    """The encoded bytes at `uri`; ImageError says why there are none. `read_blob` is for uploads, of a slot's Redis."""
    try:
        match parse_reference(uri):
            case FileReference(path):
                return read_file(Path(path), roots, bytes_max)
            case HttpReference() as reference:
                return fetch(reference, policy, FetchLimits(bytes_max))
            case ObjectReference() as reference:
                return read_object(reference, policy, bytes_max)
            case BlobReference() as reference:
                return _read_upload(reference, bytes_max, read_blob)
    except ReferenceRefused as refusal:
        raise ImageError("image_forbidden", str(refusal)) from None


def _read_upload(reference: BlobReference, bytes_max: int, read_blob: ReadBlob | None) -> bytes:
    data = read_blob(reference.digest, bytes_max) if read_blob is not None else None
    if data is None:
        raise ImageError(
            "image_missing",
            f"{reference.uri}: no such upload, or its lifetime is over (VEDETTE_BLOB_LIFETIME); upload it again",
        )
    if len(data) > bytes_max:
        raise too_large(reference.uri, None, bytes_max)
    if digest_of(data) != reference.digest:
        raise ImageError("image_unreadable", f"{reference.uri}: its bytes in Redis are others than were uploaded")
    return data


def is_remote(uri: str) -> bool:
    """Whether reading it twice costs a network twice, and may give two different answers."""
    return not uri.startswith(("/", "file:"))


def read_file(path: Path, roots: Sequence[Path], bytes_max: int) -> bytes:
    """Links are followed on both sides before they are compared: neither `..` nor a link leads out of a root.

    Whether there is something outside is not told, and a link that is put in place meanwhile does not help either.
    """
    try:
        real = path.resolve()
        _check_inside(path, real, roots)
        if not stat.S_ISREG(real.stat().st_mode):
            raise ImageError("image_unreadable", f"{path} is not a file")
        with _open(real) as file:
            _check_inside(path, _place_of(file, real), roots)
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes == 0:
                raise ImageError("image_empty", f"{path} is empty (0 bytes)")
            if size_bytes > bytes_max:
                raise ImageError(
                    "image_too_large",
                    f"{path} has {format_bytes(size_bytes)}, the limit is {format_bytes(bytes_max)} "
                    "(VEDETTE_IMAGE_BYTES_MAX)",
                )
            return file.read(size_bytes)
    except FileNotFoundError:
        raise ImageError("image_missing", f"no file {path} on this worker's machine") from None
    except PermissionError:
        raise ImageError("image_forbidden", f"{path} is not readable by the worker's user") from None
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL in the path; RuntimeError: a loop of links
        raise ImageError("image_unreadable", f"{path} cannot be read: {error}") from None


def _check_inside(path: Path, real: Path, roots: Sequence[Path]) -> None:
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(map(str, roots)) or "none"
        raise ImageError(
            "image_forbidden",
            f"{path} is outside the directories this worker may read: {allowed} (VEDETTE_IMAGE_ROOTS, of workers)",
        )


def _open(real: Path) -> BinaryIO:
    return real.open("rb")


def _place_of(file: BinaryIO, real: Path) -> Path:
    """Where the file that was opened is, as the kernel says; where it should be, without /proc."""
    try:
        return Path(f"/proc/self/fd/{file.fileno()}").readlink()
    except OSError:
        return real
