"""The file of API keys while the gateway runs: read again when it has changed, so that a key can go without a restart.

Whether it has is looked at with every request, which costs a stat; so a key that was taken out opens nothing more from
that moment. A file that cannot be read, or is none, changes nothing: those who have keys cannot work without them, and
the log and `vedette_gateway_keys_file_ok` say that the file is not what counts.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from contract.errors import SettingsError
from producer.gateway.api_keys import ApiKey, read_keys

log = logging.getLogger(__name__)

#: Device, inode, size, and when it was modified and changed, ns; None: there is none.
_State: TypeAlias = tuple[int, ...] | None


class KeyFile:
    """SettingsError when the file is none to begin with. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        # Looked at before it is read: what changes meanwhile is read again.
        self._state = _state(path)
        self._keys: Sequence[ApiKey] = read_keys(path)
        #: Why the file that is there now does not count; None: it does.
        self.flaw: str | None = None

    def current(self) -> Sequence[ApiKey]:
        """As the file has them now, or had them when it was last in order."""
        if _state(self._path) != self._state:
            with self._lock:
                self._reload()
        return self._keys

    def _reload(self) -> None:
        state = _state(self._path)
        if state == self._state:
            return  # another thread was faster
        try:
            fresh = read_keys(self._path)
        except SettingsError as error:
            self.flaw = str(error)
            log.error("API keys stay as they were (%s): %s", _named(self._keys), error)
        else:
            self.flaw = None
            log.warning("API keys read again: %s; before: %s", _named(fresh), _named(self._keys))
            self._keys = fresh
        self._state = state


def _state(path: Path) -> _State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _named(keys: Sequence[ApiKey]) -> str:
    return ", ".join(key.name for key in keys)
