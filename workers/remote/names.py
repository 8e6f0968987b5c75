"""Names of files as archives and listings give them: only those that stay below where they are put."""

from pathlib import PurePosixPath


def safe_name(name: str) -> str:
    """`name` without `./` and doubled slashes; ValueError says why it is refused."""
    if not name or "\0" in name:
        raise ValueError(f"{name!r} is no file name")
    if name.startswith("/"):
        raise ValueError(f"{name!r:.200} is absolute")
    if "\\" in name:
        raise ValueError(f"{name!r:.200} has a backslash")
    parts = PurePosixPath(name).parts
    if ".." in parts:
        raise ValueError(f"{name!r:.200} leads out of its directory")
    if not parts:
        raise ValueError(f"{name!r:.200} is no file name")
    if max(len(part.encode(errors="replace")) for part in parts) > 255:
        raise ValueError(f"{name!r:.80} is too long")
    return "/".join(parts)
