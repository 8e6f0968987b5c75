"""Why a model call failed, read from the exception. Pure, and without importing TensorFlow or OpenCV.

Covers what is raised. Does not cover signals, the kernel's killer or lost machines: those leave no exception.
The texts were collected from real failures of TensorFlow 2.21 on CPUs with short memory.
"""

import errno
from collections.abc import Iterator
from typing import Final

from contract.ledger.records import Verdict

_MEMORY_KINDS: Final = frozenset({"MemoryError", "_ArrayMemoryError", "ResourceExhaustedError"})
_MEMORY_TEXTS: Final = (
    "bad_alloc",
    "cannot allocate memory",
    "failed to allocate memory",
    "insufficient memory",
    "out of memory",
    "oom when allocating",
    "could not create a memory",  # oneDNN, raised as AbortedError
    "unable to allocate",
)
#: How TensorFlow begins the text of anything that went wrong inside a graph.
_PREAMBLE: Final = ("Graph execution error", "Detected at node", "<stack traces unavailable>")


def verdict_of(error: BaseException) -> Verdict:
    """`memory` when anything in the exception's chain says so, else `model`."""
    return "memory" if any(map(_says_memory, _chain(error))) else "model"


def describe_error(error: BaseException) -> str:
    """One line for people: kind and first telling line of the text, at most 200 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_PREAMBLE)]
    return f"{type(error).__name__}: {(telling or lines or ['no text'])[0]}"[:200]


def _says_memory(error: BaseException) -> bool:
    if any(kind.__name__ in _MEMORY_KINDS for kind in type(error).__mro__):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    text = str(error).lower()
    return any(sign in text for sign in _MEMORY_TEXTS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
