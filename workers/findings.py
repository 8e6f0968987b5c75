"""What a worker found out when it started, for its bootsteps and, over the fork, for its slots.

Set once, before the first child is forked. What changes later in the main process and must be seen in the children is
a file in the directory of the black boxes.
"""

import atexit
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contract.capability import Capability
from contract.vitals import Kill
from workers.memory.blackbox import make_directory

_LEAVING: Final = "leaving"
_UNOPENED: Final = "unopened"


@dataclass(frozen=True)
class Findings:
    capability: Capability
    #: Of numpy, cv2 and tensorflow, which all work here.
    versions: dict[str, str]
    #: Directory of the slots' black boxes.
    boxes: Path
    #: Queues that this worker no longer serves although its capability satisfies them, and why. Main process only.
    withdrawn: dict[str, str] = field(default_factory=dict)
    #: Slots that died at work, by who ended them. Main process only.
    kills: Counter[Kill] = field(default_factory=Counter)
    #: By the monotonic clock.
    started_s: float = field(default_factory=time.monotonic)

    @property
    def leaving(self) -> bool:
        """Whether the worker is shutting down; true in its slots too."""
        return (self.boxes / _LEAVING).exists()

    def leave(self) -> None:
        (self.boxes / _LEAVING).touch()

    @property
    def slot_unopened(self) -> bool:
        """Whether a slot could not be opened, for which the worker ends."""
        return (self.boxes / _UNOPENED).exists()

    def tell_slot_unopened(self) -> None:
        (self.boxes / _UNOPENED).touch()


_findings: Findings | None = None


def keep(capability: Capability, versions: dict[str, str]) -> None:
    global _findings
    boxes = make_directory()
    atexit.register(shutil.rmtree, boxes, ignore_errors=True)  # not run in forked children, which leave by _exit
    _findings = Findings(capability, versions, boxes)


def findings() -> Findings:
    if _findings is None:
        raise RuntimeError("nothing was measured yet: this belongs to a process of `celery -A workers worker`")
    return _findings
