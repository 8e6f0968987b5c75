"""A process for the lab that dies as a slot would: python -m tests.support.memory_child --boxes DIR … ACTION

It has a black box and a guard, begins an attempt, takes memory, and acts. Once it holds what it was told to hold it
prints one line of JSON, its own reading of its memory.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from contract.memory import MIB
from workers.memory.blackbox import BlackBox
from workers.memory.guard import Guard
from workers.memory.sample import UNBOUNDED_BYTES, Sampler, parse_status

_STEP_BYTES = 4 * MIB


def main() -> None:
    options = _options()
    if options.oom_score_adj:
        Path("/proc/self/oom_score_adj").write_text(str(options.oom_score_adj))
    if options.room_mib:
        mapped_bytes = parse_status(Path("/proc/self/status").read_bytes())["VmSize"]
        limit_bytes = mapped_bytes + options.room_mib * MIB
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    box = BlackBox(options.boxes, share_bytes=options.share_mib * MIB)
    share_bytes, floor_bytes = (
        (box.entry.share_bytes, options.floor_mib * MIB) if options.guarded else (UNBOUNDED_BYTES, 0)
    )
    with Guard(Sampler(), box, share_bytes, floor_bytes, interval_s=0.01) as guard:
        if options.deadline_s is not None:
            guard.set_deadline(time.monotonic() + options.deadline_s)
        box.begin("job", "task", attempt=1, batch_size=8)
        box.enter("run", [3, 4, 5])
        held = [b"x" * _STEP_BYTES for _ in range(options.take_mib * MIB // _STEP_BYTES)]
        if options.cache_file:
            _fill_page_cache(options.cache_file, options.cache_mib)
        _tell()
        _act(options.action, held, box if options.paced else None)


def _act(action: str, held: list[bytes], seen_by: BlackBox | None) -> None:
    match action:
        case "wait":
            signal.pause()
        case "grow":
            while True:
                held.append(b"x" * _STEP_BYTES)
                if seen_by is not None:
                    _await_a_look(seen_by)
        case "until-memory-error":
            with contextlib.suppress(MemoryError):
                while True:
                    held.append(b"x" * _STEP_BYTES)
            held.clear()
            _tell()
        case "segv":
            ctypes.string_at(0)
        case "abort":
            os.abort()


def _await_a_look(box: BlackBox) -> None:
    """On a machine under load the guard would come too late by chance: what it does in time is what is tested."""
    written_s = box.entry.written_s
    while box.entry.written_s == written_s:
        time.sleep(0.001)


def _fill_page_cache(file: Path, amount_mib: int) -> None:
    with file.open("wb") as written:
        for _ in range(amount_mib):
            written.write(b"x" * MIB)
        written.flush()
        os.fsync(written.fileno())


def _tell() -> None:
    print(json.dumps(vars(Sampler().sample())), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=sys.argv[0])
    parser.add_argument("action", choices=["wait", "grow", "until-memory-error", "segv", "abort"])
    parser.add_argument("--boxes", type=Path, required=True)
    parser.add_argument("--share-mib", type=int, default=100)
    parser.add_argument("--guarded", action="store_true")
    parser.add_argument("--paced", action="store_true", help="grow no faster than the guard looks")
    parser.add_argument("--floor-mib", type=int, default=32)
    parser.add_argument("--deadline-s", type=float)
    parser.add_argument("--take-mib", type=int, default=0)
    parser.add_argument("--room-mib", type=int, default=0, help="RLIMIT_AS this far above what is mapped at the start")
    parser.add_argument("--cache-file", type=Path)
    parser.add_argument("--cache-mib", type=int, default=0)
    parser.add_argument("--oom-score-adj", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
