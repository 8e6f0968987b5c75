"""A flight recorder: what a slot was doing and how its memory stood, in a file that the worker reads after its death.

A process that the kernel kills can say nothing any more, and may die in the middle of a write. So the file has two
halves, written in turn, each with its number and checksum: the newer one that is whole is the truth, 30 ms old at most.
The page cache keeps it when the process is gone; it needs no fsync, for it does not have to outlive the machine.

    half = number (8 bytes), length (4), CRC-32 (4), JSON     two halves of 64 KiB each

64 KiB hold 4096 image indexes of twelve digits without any two in a row; runs of indexes are written as `3-18`.
"""

import contextlib
import json
import logging
import os
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from workers.memory.sample import MemorySample

logger = logging.getLogger(__name__)

#: What an attempt is at. `idle`: there is none.
Stage = Literal["idle", "load", "decode", "run", "record"]

HALF_BYTES: Final = 64 * 1024
_HEADER: Final = struct.Struct(">QII")
#: 4096 images, of which no two follow each other. Leaves room for 80 models with the longest names there are, and for
#: 15 companions.
_BATCH_TEXT_MAX: Final = 45_200


@dataclass(frozen=True)
class Entry:
    pid: int
    #: The attempt; empty and 0 while idle.
    job: str = ""
    task: str = ""
    attempt: int = 0
    #: Tasks that are run together with it, and their attempts.
    companions: Mapping[str, int] = field(default_factory=dict)
    #: Its model, `name@version`, and the queue that it came from.
    model: str = ""
    queue: str = ""
    stage: Stage = "idle"
    #: Indexes of the images that are held now, as in ImageRef: those that a death is about. With companions they are
    #: numbers within the run, which tell nobody anything but how many there are.
    batch: tuple[int, ...] = ()
    #: How many they are. `batch` has fewer only where it did not fit the file.
    batch_images: int = 0
    #: The most images that a batch of this attempt may have.
    batch_size: int = 0
    #: The slot's share of the memory; 0 unknown.
    share_bytes: int = 0
    #: As last sampled, see MemorySample; 0 and "" before the first sample.
    anon_bytes: int = 0
    free_bytes: int = 0
    tightest: str = ""
    #: Highest `anon_bytes` since the last mark (`Guard.mark`), which each batch sets.
    peak_anon_bytes: int = 0
    #: What admission granted on top of `anon_at_promise_bytes`; 0 without a running batch.
    promised_bytes: int = 0
    anon_at_promise_bytes: int = 0
    #: Models that are loaded, `name@version`, least recently used first.
    models: tuple[str, ...] = ()
    #: Images that this process has done, by model.
    done: Mapping[str, int] = field(default_factory=dict)
    #: Who ended the process on purpose; "" while it lives, and when somebody else did.
    ended_by: Literal["", "guard", "timeout"] = ""
    #: Wall clock of the last change.
    written_s: float = 0.0

    @property
    def busy(self) -> bool:
        return self.stage != "idle"


class BlackBox:
    """Written by the slot's task thread and its guard. A file that cannot be written costs evidence, never the task."""

    def __init__(self, directory: Path, pid: int | None = None, share_bytes: int = 0) -> None:
        self.directory = directory
        self._entry = Entry(pid=os.getpid() if pid is None else pid, share_bytes=share_bytes)
        self._batch_text = ""
        self._number = 0
        self._complained = False
        self._lock = threading.Lock()
        self._file = os.open(
            _path(directory, self._entry.pid), os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
        )
        self._change()

    @property
    def entry(self) -> Entry:
        return self._entry

    def begin(
        self,
        job: str,
        task: str,
        attempt: int,
        batch_size: int,
        *,
        model: str = "",
        queue: str = "",
        companions: Mapping[str, int] | None = None,
    ) -> None:
        """An attempt begins, together with those of `companions`."""
        of_task = {"job": job, "task": task, "attempt": attempt, "companions": {**(companions or {})}}
        self._change(**of_task, batch_size=batch_size, model=model, queue=queue, stage="load", batch=())

    def enter(self, stage: Stage, batch: Sequence[int] | None = None) -> None:
        """Another stage of the attempt, with the images of `batch` from now on; None: as before."""
        self._change(stage=stage) if batch is None else self._change(stage=stage, batch=tuple(batch))

    def rest(self) -> None:
        """The attempt is over: nothing is held, nothing promised."""
        self._change(
            **dict.fromkeys(("job", "task", "model", "queue"), ""),
            **dict.fromkeys(("attempt", "batch_size", "promised_bytes", "anon_at_promise_bytes"), 0),
            companions={},
            stage="idle",
            batch=(),
        )

    def hold(self, models: Sequence[str]) -> None:
        """These models are loaded from now on."""
        self._change(models=tuple(models))

    def count(self, model: str, images: int) -> None:
        """So many more images are done."""
        done = self._entry.done
        self._change(done={**done, model: done.get(model, 0) + images})

    def promise(self, promised_bytes: int, anon_bytes: int) -> None:
        """Admission granted `promised_bytes` on top of `anon_bytes`; (0, 0) takes it back."""
        self._change(promised_bytes=promised_bytes, anon_at_promise_bytes=anon_bytes)

    def observe(self, sample: MemorySample) -> None:
        with self._lock:
            self._write(
                anon_bytes=sample.anon_bytes,
                peak_anon_bytes=max(self._entry.peak_anon_bytes, sample.anon_bytes),
                free_bytes=sample.free_bytes,
                tightest=sample.tightest,
            )

    def mark(self, anon_bytes: int) -> None:
        """The peak counts from here."""
        self._change(anon_bytes=anon_bytes, peak_anon_bytes=anon_bytes)

    def end(self, by: Literal["guard", "timeout"]) -> None:
        """The last words of a process that ends itself."""
        self._change(ended_by=by)

    def close(self) -> None:
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _change(self, **fields: Any) -> None:
        with self._lock:
            self._write(**fields)

    def _write(self, **fields: Any) -> None:
        if "batch" in fields:
            self._batch_text = _as_ranges(fields["batch"])
            fields["batch_images"] = len(fields["batch"])
        self._entry = replace(self._entry, **fields, written_s=time.time())
        self._number += 1
        text = json.dumps({**vars(self._entry), "batch": self._batch_text}, separators=(",", ":")).encode()
        data = _HEADER.pack(self._number, len(text), zlib.crc32(text)) + text
        try:
            os.pwrite(self._file, data, HALF_BYTES * (self._number % 2))
        except OSError as error:
            if not self._complained:
                logger.warning("black box %s not written: %s", _path(self.directory, self._entry.pid), error)
            self._complained = True


def make_directory() -> Path:
    """For the boxes of one worker's slots: only its user may look into it. The worker's main process makes it."""
    return Path(tempfile.mkdtemp(prefix="vedette-"))


def read_entry(directory: Path, pid: int) -> Entry | None:
    """The last whole entry of the slot; None when it left none."""
    try:
        data = _path(directory, pid).read_bytes()
    except OSError:
        return None
    halves = [half for start in (0, HALF_BYTES) if (half := _whole(data[start : start + HALF_BYTES])) is not None]
    return max(halves, key=lambda half: half[0])[1] if halves else None


def read_all(directory: Path) -> list[Entry]:
    """Of every slot that has a box here, dead ones included, by pid."""
    try:
        pids = sorted(int(name) for name in os.listdir(directory) if name.isdigit())  # noqa: PTH208
    except OSError:
        return []
    return [entry for pid in pids if (entry := read_entry(directory, pid)) is not None]


def remove(directory: Path, pid: int) -> None:
    """After the death has been dealt with."""
    with contextlib.suppress(OSError):
        _path(directory, pid).unlink()


def _path(directory: Path, pid: int) -> Path:
    return directory / str(pid)


def _whole(half: bytes) -> tuple[int, Entry] | None:
    """(number, entry) of a half that was written to its end."""
    if len(half) < _HEADER.size:
        return None
    number, length, checksum = _HEADER.unpack_from(half)
    text = half[_HEADER.size : _HEADER.size + length]
    if number == 0 or len(text) != length or zlib.crc32(text) != checksum:
        return None
    try:
        fields = json.loads(text)
        return number, Entry(
            **{**fields, "batch": _from_ranges(fields["batch"]), "models": tuple(fields["models"])},
        )
    except (ValueError, TypeError, KeyError):
        return None  # of another version of Vedette


def _as_ranges(batch: Sequence[int]) -> str:
    """(3, 4, 5, 9) -> `3-5,9`, cut between two parts where the file ends."""
    runs: list[list[int]] = []
    for index in batch:
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return text if len(text) <= _BATCH_TEXT_MAX else text[:_BATCH_TEXT_MAX].rpartition(",")[0]


def _from_ranges(text: str) -> tuple[int, ...]:
    indexes: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        indexes.extend(range(int(first), int(last or first) + 1))
    return tuple(indexes)
