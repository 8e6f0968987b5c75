"""Variants take turns: one runs a round while the others wait, so that a machine's moods fall on all of them alike."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Protocol, Self

import psutil


@dataclass(frozen=True)
class Round:
    seconds: float
    images: int
    #: Boxes of score 0.5 or more: who finds none is quick for another reason.
    found: int
    #: Of all processes together: what stays true of a machine that others use too.
    cpu_s: float

    @property
    def images_per_s(self) -> float:
        return self.images / self.seconds

    @property
    def cpu_ms_per_image(self) -> float:
        return self.cpu_s / self.images * 1000


class Variant(Protocol):
    name: str

    def round(self) -> Round: ...


class Program:
    """A variant that is a program: it prints `ready`, and for each line that it reads runs a round and prints it."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(environment or {})},
            cwd=Path(__file__).parents[1],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def await_ready(self) -> None:
        self._read("ready")

    def round(self) -> Round:
        assert self._process.stdin is not None
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        return Round(**json.loads(self._read("{")))

    def _read(self, begins: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(begins):
                return line
        raise RuntimeError(f"{self.name} ended with exit code {self._process.wait()}; run it by hand to see why")


@dataclass
class Measured:
    name: str
    rounds: list[Round] = field(default_factory=list)

    @property
    def images_per_s(self) -> float:
        return median(each.images_per_s for each in self.rounds)

    @property
    def cpu_ms_per_image(self) -> float:
        return median(each.cpu_ms_per_image for each in self.rounds)

    @property
    def found(self) -> float:
        return median(each.found for each in self.rounds)


def take_turns(variants: Sequence[Variant], rounds: int) -> list[Measured]:
    """Every second time in reverse, so that nobody always comes after the same one."""
    measured = [Measured(variant.name) for variant in variants]
    for number in range(rounds):
        pairs = list(zip(variants, measured, strict=True))
        for variant, its in pairs if number % 2 == 0 else reversed(pairs):
            its.rounds.append(variant.round())
    return measured


def cpu_s_of(processes: Sequence[psutil.Process]) -> float:
    """Processor time that they, and children of theirs that ended, have taken so far."""
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def answer_rounds(one_round: Any) -> None:
    """The other end of `Program`: `one_round()` gives a Round."""
    print("ready", flush=True)
    for _ in sys.stdin:
        result: Round = one_round()
        print(json.dumps(result.__dict__), flush=True)


def machine() -> str:
    """CPU, cores and memory, in the words that profiles use."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown processor"
    )
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{cpu}, {len(os.sched_getaffinity(0))} cores, {memory_gib:.0f} GiB RAM"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
