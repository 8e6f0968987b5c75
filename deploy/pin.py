"""Prints the version of every package that the images install, as they are in this environment, where the tests ran.

    python deploy/pin.py > deploy/constraints.txt      # `make pins`

It follows the requirements of vedette[worker,gateway,monitor] from package to package, so a developer's tools stay out.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("worker", "gateway", "monitor")
HEAD = "# Versions that the images install: those that the tests ran on. `make pins` writes this file."


def pins(extras: tuple[str, ...] = EXTRAS) -> dict[str, str]:
    """Name to version, of what `vedette[extras]` needs here, itself left out."""
    found: dict[str, str] = {}
    waiting = [("vedette", frozenset(extras))]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            there = distribution(name)
        except PackageNotFoundError:
            sys.exit(f"{name} is not installed here: install vedette[all] first")
        found[name] = there.version
        waiting += [(canonicalize_name(needed.name), frozenset(needed.extras)) for needed in _needs(name, wanted)]
    del found["vedette"]
    return dict(sorted(found.items()))


def _needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in distribution(name).requires or ():
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield needed


if __name__ == "__main__":
    print(HEAD, *(f"{name}=={version}" for name, version in pins().items()), sep="\n")
