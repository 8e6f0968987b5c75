"""What a profile found to be the fastest way to run a model here, in a line."""

from typing import TYPE_CHECKING

from contract.engine_plan import PLAIN
from contract.plan_words import plan_words

if TYPE_CHECKING:
    from workers.profile.ways.search import Found


def engine_line(found: "Found") -> str:
    """`engine  2 streams of single images, frozen graph: 1.93 × as fast as exported (54 against 28 images/s)`."""
    if found.plan != PLAIN:
        speedup = found.images_per_s / found.exported_images_per_s
        return (
            f"engine  {plan_words(found.plan)}: {speedup:.2f} × as fast as exported "
            f"({found.images_per_s:.3g} against {found.exported_images_per_s:.3g} images/s)"
        )
    if not found.images_per_s:
        return "engine  as exported: there was no room, or no time, to try other ways"
    return f"engine  as exported ({found.images_per_s:.3g} images/s): no other way is faster by 5 % here"
