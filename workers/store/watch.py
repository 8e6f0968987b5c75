"""Looks into the model store for a worker's main process: it must not wait for a network, nor have threads.

A store that is a directory is read at once. One that is elsewhere is read by a child process, `python -m
workers.store`, which prints its specs as JSON lines; the main process asks from time to time whether it is done.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Final

from celery.utils.log import get_logger

from contract.model_spec import ModelSpec
from contract.settings import Settings
from workers.store.store import ModelStore

logger = get_logger(__name__)

#: Longer than a look that goes well, with the import of fsspec and a cloud's library.
_PATIENCE_S: Final = 60.0


class StoreWatch:
    def __init__(self, settings: Settings) -> None:
        self._store = ModelStore(settings)
        self._found: list[ModelSpec] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._began_s = 0.0
        self._was_away = False

    def look(self) -> None:
        """Begins to look, unless a look is under way."""
        if isinstance(self._store.root, Path):
            self._found = list(self._store.specs())
        elif self._child is None:
            self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the child has ended
            self._child = subprocess.Popen(
                [sys.executable, "-m", "workers.store"], stdin=subprocess.DEVNULL, stdout=self._output
            )
            self._began_s = time.monotonic()

    def found(self) -> list[ModelSpec]:
        """The models of a look that has ended since the last call; mostly none."""
        if self._child is not None and self._ended(self._child):
            self._found = self._read()
        found, self._found = self._found, []
        return found

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._read()

    def _ended(self, child: "subprocess.Popen[bytes]") -> bool:
        if child.poll() is None and time.monotonic() > self._began_s + _PATIENCE_S:
            child.kill()
            child.wait()
        return child.returncode is not None

    def _read(self) -> list[ModelSpec]:
        assert self._child is not None
        assert self._output is not None
        with self._output as output:
            output.seek(0)
            lines = output.read().splitlines()
        gone_well = self._child.returncode == 0
        self._child = self._output = None
        if not gone_well and not self._was_away:
            said = lines[-1].decode(errors="replace") if lines else "no answer"
            logger.warning("the model store cannot be read: %s", said)
        self._was_away = not gone_well
        return [ModelSpec.model_validate(json.loads(line)) for line in lines] if gone_well else []
