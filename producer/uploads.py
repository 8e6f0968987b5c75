"""Uploads, for workers that cannot read a producer's files: what may be one."""

from pathlib import Path
from typing import Any

from contract.memory import format_bytes
from producer.errors import InvalidArgument


def upload_bytes(image: Any, bytes_max: int) -> bytes:
    """The bytes of `image`, which are given or lie in a file of this machine; InvalidArgument for none or too many."""
    if isinstance(image, str | Path):
        return _file_bytes(Path(image), bytes_max)
    if not isinstance(image, bytes | bytearray | memoryview):
        raise InvalidArgument(f"image={image!r:.80}: expected the bytes of an image, or the path of its file")
    _check_size("the bytes given", memoryview(image).nbytes, bytes_max)
    return bytes(image)


def _file_bytes(path: Path, bytes_max: int) -> bytes:
    try:
        if not path.is_file():
            raise InvalidArgument(f"{path}: no such file here; expected an image to upload")
        _check_size(str(path), path.stat().st_size, bytes_max)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"{path}: cannot be read: {error}") from None
    _check_size(str(path), len(data), bytes_max)  # it may be written just now
    return data


def _check_size(shown: str, size_bytes: int, bytes_max: int) -> None:
    if size_bytes == 0:
        raise InvalidArgument(f"{shown}: empty (0 bytes); expected an image to upload")
    if size_bytes > bytes_max:
        raise InvalidArgument(
            f"{shown}: {format_bytes(size_bytes)}, the limit is {format_bytes(bytes_max)} (VEDETTE_IMAGE_BYTES_MAX)"
        )
