"""Reads an image from a bucket that is allowed, through fsspec, with the worker's own credentials."""

from contract.errors import SettingsError
from contract.reference_policy import Policy, check_reference
from contract.references import ObjectReference
from contract.urls import shown_address
from workers.images.errors import ImageError
from workers.images.remote import too_large, unreachable
from workers.remote.objects import check_protocol


def read_object(reference: ObjectReference, policy: Policy, bytes_max: int) -> bytes:
    """The bytes of the object; ImageError says why there are none, ReferenceRefused why nobody asked for them."""
    check_reference(reference, policy)
    import fsspec

    uri = reference.uri
    shown = shown_address(uri)
    try:
        check_protocol(uri)
        files, path = fsspec.core.url_to_fs(uri)
        entry = files.info(path)
        size_bytes = int(entry.get("size") or 0)
        if entry.get("type") == "directory":
            raise ImageError("image_missing", f"{shown}: there are objects below it, but none of this name")
        if size_bytes == 0:
            raise ImageError("image_empty", f"{shown} is empty (0 bytes)")
        if size_bytes > bytes_max:
            raise too_large(uri, size_bytes, bytes_max)
        # No more than what was asked for, should it have grown meanwhile.
        data: bytes = files.cat_file(path, start=0, end=size_bytes)
        return data
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageError("image_missing", f"{shown}: no such object") from None
    except PermissionError:
        raise ImageError("image_forbidden", f"{shown} is not readable with this worker's credentials") from None
    except SettingsError as error:
        raise unreachable(uri, f"this worker cannot read it: {error}") from None
    except Exception as error:  # those of the file systems are of no common kind
        raise unreachable(uri, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None
