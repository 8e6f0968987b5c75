"""What pip needs inside a chroot to find packages where this machine finds them. No address stands in this project."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

_NETWORK: Final = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_FILES: Final = ("/etc/resolv.conf", "/etc/hosts")


def pass_through() -> tuple[dict[str, str], list[Path]]:
    """Variables for the RUN lines, and files and directories that they name, to be mounted at the same place."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    variables = {name: os.environ[name] for name in (*_NETWORK, "SSL_CERT_FILE") if name in os.environ}
    for line in told.splitlines():
        key, _, value = line.partition("=")
        name = re.sub(r"^(:env:|global|install|site|user)?\.", "", key).upper().replace("-", "_")
        variables.setdefault(f"PIP_{name}", " ".join(shlex.split(value)))
    paths = [Path(path) for path in _FILES]
    for word in " ".join(value for name, value in variables.items() if name != "PIP_DEFAULT_TIMEOUT").split():
        path = Path(word.removeprefix("file://"))
        if path.is_absolute() and path.exists():
            # An index in a directory refers to files beside it.
            paths.append(path.parent if word.startswith("file://") else path)
    return variables, sorted({path.resolve() if path.is_symlink() else path for path in paths}, key=str)
