"""The picture of docs/performance.md: images per second, a panel for all that was compared in one run.

Its ground is opaque and light, so that it can be read on light and on dark pages.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.claims import Speed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS: Final = "vedette"
GROUND: Final = "#ffffff"
INK: Final = "#1f2328"
OUR_COLOUR: Final = "#0b6e4f"
THEIR_COLOUR: Final = "#9aa4b2"
COLUMNS: Final = 2
_WIDTH_IN: Final = 13.0
_BAR_IN: Final = 0.27
_HEADING_IN: Final = 0.65


def panels(speeds: Sequence[Speed]) -> list[list[Speed]]:
    """What was compared, in the order in which it was measured, each with its fastest first."""
    about = list(dict.fromkeys(speed.about for speed in speeds))
    return [
        sorted((each for each in speeds if each.about == one), key=lambda each: -each.images_per_s) for one in about
    ]


def captions(panel: Sequence[Speed]) -> list[str]:
    """What stands at the end of each bar: the amount, and how many times that of others Vedette's is."""
    ours = next((each.images_per_s for each in panel if each.name == OURS), None)
    return [
        f"{each.images_per_s:.1f}" + ("" if ours is None or is_ours(each) else f"   {ours / each.images_per_s:.2f}×")
        for each in panel
    ]


def is_ours(speed: Speed) -> bool:
    return speed.name.partition(",")[0] == OURS


def draw(speeds: Sequence[Speed], path: Path) -> None:
    """An SVG; the same speeds give the same file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    drawn = panels(speeds)
    rows = [drawn[first : first + COLUMNS] for first in range(0, len(drawn), COLUMNS)]
    heights_in = [_HEADING_IN + _BAR_IN * max(map(len, row)) for row in rows]
    with mpl.rc_context({"svg.hashsalt": "vedette", "font.size": 10, "text.color": INK}):
        figure = Figure(figsize=(_WIDTH_IN, sum(heights_in) + 0.5), facecolor=GROUND)
        figure.set_layout_engine("constrained", w_pad=0.15, h_pad=0.1)
        figure.suptitle("Images per second; × is how many times as fast Vedette is", fontsize=11, x=0.01, ha="left")
        axes = figure.subplots(len(rows), COLUMNS, squeeze=False, height_ratios=heights_in)
        for row, places in zip(rows, axes, strict=True):
            for number, place in enumerate(places):
                if number < len(row):
                    _panel(place, row[number])
                else:
                    place.set_axis_off()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(axes: "Axes", panel: Sequence[Speed]) -> None:
    colours = [OUR_COLOUR if is_ours(each) else THEIR_COLOUR for each in panel]
    bars = axes.barh([each.name for each in panel], [each.images_per_s for each in panel], color=colours)
    axes.bar_label(bars, captions(panel), padding=4, color=INK)
    axes.set_title(panel[0].about, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes.set_xlim(0, 1.3 * panel[0].images_per_s)  # room for what stands at the end of the longest
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, colors=INK)
    axes.set_facecolor(GROUND)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(THEIR_COLOUR)
