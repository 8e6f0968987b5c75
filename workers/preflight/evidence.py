"""What was seen of the preflight's child, and nothing concluded from it yet."""

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: What the child does, in order, as "<package> <what>".
STAGES: Final = ("numpy import", "numpy op", "cv2 import", "cv2 op", "tensorflow import", "tensorflow op")


@dataclass(frozen=True)
class Stage:
    #: One of `STAGES`.
    name: str
    #: None: begun and not finished.
    seconds: float | None = None
    #: Of the package, after an import.
    version: str | None = None


@dataclass(frozen=True)
class Evidence:
    #: In the order in which they began; only the last can be unfinished.
    stages: tuple[Stage, ...]
    #: As subprocess has it: negative is a signal. What we did after a time-out does not count: then it is None.
    exit_code: int | None
    #: The end of what the child wrote to stderr.
    stderr_tail: str
    #: The time limit, which the child reached if `exit_code` is None.
    timeout_s: float
    #: What the child was asked to tell of TensorFlow: `build` (tf.sysconfig.get_build_info), `onednn` (in use or not).
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def failing_stage(self) -> str:
        """The unfinished stage, or `start` when the child did not get as far as its first."""
        if not self.stages:
            return "start"
        return next((stage.name for stage in self.stages if stage.seconds is None), "end")

    @property
    def signal_name(self) -> str | None:
        """`SIGILL` and so on, or None for a child that no signal ended."""
        if self.exit_code is None or self.exit_code >= 0:
            return None
        try:
            return signal.Signals(-self.exit_code).name
        except ValueError:  # a real-time signal has no name
            return f"signal {-self.exit_code}"


def parse_stages(report: str) -> tuple[Stage, ...]:
    """From the child's JSON lines; a line cut short by its death is ignored."""
    stages: dict[str, Stage] = {}
    for line in report.splitlines():
        try:
            said = json.loads(line)
            stages[said["stage"]] = Stage(said["stage"], said.get("seconds"), said.get("version"))
        except (ValueError, TypeError, KeyError):
            continue
    return tuple(stages.values())


def parse_facts(report: str) -> dict[str, object]:
    """From the same lines; empty when the child was not asked, or did not get so far."""
    facts: dict[str, object] = {}
    for line in report.splitlines():
        try:
            said = json.loads(line)
            facts.update(said["facts"])
        except (ValueError, TypeError, KeyError):
            continue
    return facts
