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
                return read_file(path, roots, bytes_max)
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


def read_file(path: str, roots: Sequence[Path], bytes_max: int) -> bytes:
    """Links are followed on both sides before they are compared: neither `..` nor a link leads out of a root.

    Whether there is something outside is not told, and a link that is put in place meanwhile does not help either.
    """
    try:
        real = os.path.realpath(path)
        _check_inside(path, real, roots)
        if not stat.S_ISREG(os.stat(real).st_mode):  # noqa: PTH116  # pathlib took half of a task of small images
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
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ImageError("image_unreadable", f"{path} cannot be read: {error}") from None


def _check_inside(path: str, real: str, roots: Sequence[Path]) -> None:
    """`real` leads through no link: a root that it begins with is where it says. Other roots may be links."""
    if not any(_is_inside(real, os.fspath(root)) or _is_inside(real, os.path.realpath(root)) for root in roots):
        allowed = ", ".join(map(str, roots)) or "none"
        raise ImageError(
            "image_forbidden",
            f"{path} is outside the directories this worker may read: {allowed} (VEDETTE_IMAGE_ROOTS, of workers)",
        )


def _is_inside(real: str, root: str) -> bool:
    return real == root or real.startswith(os.path.join(root, ""))  # noqa: PTH118  # `/` ends with its slash


def _open(real: str) -> BinaryIO:
    return open(real, "rb")  # noqa: PTH123  # its caller closes it


def _place_of(file: BinaryIO, real: str) -> str:
    """Where the file that was opened is, as the kernel says; where it should be, without /proc."""
    try:
        return os.readlink(f"/proc/self/fd/{file.fileno()}")  # noqa: PTH115
    except OSError:
        return real
