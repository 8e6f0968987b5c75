"""Bytes of images between their header and their decoding: asked for once, and decoded as they were judged.

Remote ones in a file without a name, for a task's images together may be larger than memory, and a slot may be killed
at any time. One for which there is no room is fetched again, and then must be of the size that admission counted with.
Small local files are held in memory, for to find and open them takes longer than to read them; others are read again.
"""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from contract.memory import MIB
from workers.remote.disk import lack_of_space

#: Of one attempt. /tmp may be small, or memory.
KEPT_BYTES_MAX: Final = 512 * MIB
#: In memory, of one attempt and of one file: less than admission can notice.
HELD_BYTES_MAX: Final = 4 * MIB
_SMALL_BYTES: Final = MIB // 4


class KeptBytes:
    def __init__(self, bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._file: IO[bytes] | None = None
        self._end = 0
        #: Index of the image -> where its bytes begin and end.
        self._places: dict[int, tuple[int, int]] = {}
        self._held: dict[int, bytes] = {}
        self._held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.clear()
        if self._file is not None:
            self._file.close()

    def keep(self, index: int, data: bytes) -> bool:
        """Whether there was room."""
        if self._end + len(data) > self._bytes_max or lack_of_space(Path(tempfile.gettempdir()), len(data)):
            return False
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed with this
            self._file.seek(self._end)
            written = self._file.write(data)
        except OSError:
            return False
        if written != len(data):
            return False
        self._places[index] = (self._end, self._end + len(data))
        self._end += len(data)
        return True

    def hold(self, index: int, data: bytes) -> bool:
        """The same in memory, for what is small."""
        if len(data) > _SMALL_BYTES or self._held_bytes + len(data) > HELD_BYTES_MAX:
            return False
        self._held[index] = data
        self._held_bytes += len(data)
        return True

    def get(self, index: int) -> bytes | None:
        if index in self._held:
            return self._held[index]
        if self._file is None or index not in self._places:
            return None
        begin, end = self._places[index]
        self._file.seek(begin)
        return self._file.read(end - begin)
