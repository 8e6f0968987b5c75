"""vedette.engine_line: what a profile found to be the fastest way."""

import pytest

from contract.engine_plan import PLAIN, EnginePlan
from vedette.engine_line import engine_line
from workers.profile.ways.search import Found

FAST = EnginePlan(machine="here", streams=2, call_images=1, frozen=True, speedup=1.93)


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            Found("here", FAST, 54.0, 28.0),
            "2 streams of single images, frozen graph: 1.93 × as fast as exported (54 against 28 images/s)",
        ),
        (Found("here", PLAIN, 28.0, 28.0), "as exported (28 images/s): no other way is faster by 5 % here"),
        (Found("here", PLAIN, 0.0, 0.0), "as exported: there was no room, or no time, to try other ways"),
    ],
)
def test_the_line(found, line) -> None:
    assert engine_line(found) == f"engine  {line}"
