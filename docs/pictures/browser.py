"""Pictures of web pages, by a Chromium or Chrome without a window."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

IMAGES: Final = Path(__file__).parents[1] / "images"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: Of a page on a desk, on a wide one and on a phone, width × height in CSS pixels.
DESK: Final = (1280, 600)
WIDE: Final = (1720, 700)
PHONE: Final = (412, 1000)
#: Pages ask for their data when they are there; in the browser's own time, which passes as quickly as it can.
_PAGE_MS: Final = 9000
_FILE_BYTES_MAX: Final = 200_000
_QUIET: Final = ("disable-quic", "no-first-run", "disable-background-networking", "disable-component-update")


def missing() -> str | None:
    """Why there can be no picture here; None: there is a browser."""
    if _browser() is not None:
        return None
    return f"no browser on PATH, looked for {', '.join(BROWSERS)} (Debian: apt install chromium)"


def shoot(url: str, name: str, size: tuple[int, int] = DESK) -> None:
    """A picture of the page at `url`, PNG, as `name` among the images of the documents."""
    target = IMAGES / name
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(_browser() or BROWSERS[0], "--headless", "--disable-gpu", "--disable-sync"),
            *(f"--{option}" for option in _QUIET),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *(f"--user-data-dir={profile}", "--hide-scrollbars", f"--window-size={size[0]},{size[1]}"),
            *(f"--virtual-time-budget={_PAGE_MS}", f"--screenshot={target}", url),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
    taken(target)


def taken(target: Path) -> None:
    """Says so; ends when it cannot be what it should."""
    size_bytes = target.stat().st_size
    if not 5_000 < size_bytes < _FILE_BYTES_MAX:
        raise SystemExit(f"error: {target} has {size_bytes} bytes: empty, or too large for the documents")
    print(f"  {target}  {size_bytes // 1000} kB")


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)
