"""Reads the bytes behind a reference, once it is known to point where it may."""

from collections.abc import Sequence
from pathlib import Path

from contract.memory import format_bytes
from workers.images.errors import ImageError


def read_image(uri: str, roots: Sequence[Path], bytes_max: int) -> bytes:
    """The encoded bytes of the file at `uri`; ImageError says why there are none.

    Links are followed on both sides before they are compared, so that neither `..` nor a link leads out of a root.
    """
    path = Path(uri)
    try:
        real = path.resolve(strict=True)
        if not any(real.is_relative_to(root.resolve()) for root in roots):
            allowed = ", ".join(map(str, roots))
            raise ImageError("image_forbidden", f"{path} is outside the directories this worker may read ({allowed})")
        if not real.is_file():
            raise ImageError("image_unreadable", f"{path} is not a file")
        size_bytes = real.stat().st_size
        if size_bytes == 0:
            raise ImageError("image_empty", f"{path} is empty (0 bytes)")
        if size_bytes > bytes_max:
            raise ImageError(
                "image_too_large",
                f"{path} has {format_bytes(size_bytes)}, the limit is {format_bytes(bytes_max)} "
                "(VEDETTE_IMAGE_BYTES_MAX)",
            )
        return real.read_bytes()
    except FileNotFoundError:
        raise ImageError("image_missing", f"no file {path} on this worker's machine") from None
    except PermissionError:
        raise ImageError("image_forbidden", f"{path} is not readable by the worker's user") from None
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL in the path; RuntimeError: a loop of links
        raise ImageError("image_unreadable", f"{path} cannot be read: {error}") from None
