"""`vedette fleet` and its plan on a terminal, as SVG, and how good a plan was.

Everything in it is real: three workers of unlike memory, three jobs on rendered plates, one of them for a model that
none of these workers can hold.
"""

import io
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

import workers
from docs.pictures.browser import IMAGES, taken
from docs.pictures.scene import plates, running
from producer import Job
from vedette.fleet.look import Look, looking
from vedette.fleet.page import FleetPage
from vedette.fleet.plan_page import PlanPage
from vedette.session import Session
from vedette.stack import WorkerPlan

PICTURE: Final = IMAGES / "fleet.svg"
WIDTH: Final = 128
WORKERS: Final = (
    WorkerPlan("small", ("--memory", "1g", "--slots", "1", "--threads", "1")),
    WorkerPlan("medium", ("--memory", "2560m", "--slots", "2", "--threads", "1")),
    WorkerPlan("large", ("--memory", "3g", "--slots", "1", "--threads", "1")),
)
#: A rate of the last minute is only told by a worker that has been at it for as long.
AT_WORK_S: Final = 75.0
WITHIN: Final = timedelta(minutes=3)


def take(folder: Path) -> None:
    with at_work(folder) as (url, jobs):
        time.sleep(AT_WORK_S)
        with looking(Session(url), patient=True) as look:
            draw(look)
            plan = look.plan(WITHIN, "defects-large")
        began_s = time.monotonic()
        jobs["defects-large"].wait(timeout=900)
        print(f"  defects-large: planned {plan.done_in_s} s, took {time.monotonic() - began_s:.0f} s")


@contextmanager
def at_work(folder: Path) -> Iterator[tuple[str, dict[str, Job]]]:
    os.environ["VEDETTE_MODEL_STORE"] = str(store(folder / "store"))
    images = plates(folder, width_px=640, height_px=480)
    try:
        with running(folder, WORKERS, pages=False) as (stack, client):
            jobs = {
                model: client.submit(
                    [(f"{number}.png", images[number % len(images)]) for number in range(count)],
                    model,
                    allow_waiting=True,
                )
                for model, count in (("defects-small", 4000), ("defects-large", 600), ("defects-panorama", 40))
            }
            yield stack.broker_url, jobs
    finally:
        del os.environ["VEDETTE_MODEL_STORE"]


def store(folder: Path) -> Path:
    """The bundled models, and one that takes more memory than these workers have."""
    shutil.copytree(Path(workers.__file__).parent / "bundled", folder)
    shutil.copytree(folder / "defects-large", folder / "defects-panorama")
    toml = folder / "defects-panorama" / "1" / "model.toml"
    text = re.sub(r'(?m)^name = ".*"', 'name = "defects-panorama"', toml.read_text(encoding="utf-8"), count=1)
    toml.write_text(re.sub(r"(?m)^base_bytes = \d+", "base_bytes = 6000000000", text, count=1), encoding="utf-8")
    return folder


def draw(look: Look) -> None:
    screen = io.StringIO()  # of nobody
    console = Console(
        file=screen, record=True, width=WIDTH, force_terminal=True, color_system="truecolor", highlight=False
    )
    pages: list[tuple[str, RenderableType]] = [
        ("vedette fleet", FleetPage(look.view())),
        ("vedette fleet --plan --within 3m", PlanPage(look.plan(WITHIN, None))),
    ]
    for number, (command, page) in enumerate(pages):
        console.print(Text(f"{'' if number == 0 else chr(10)}$ {command}", style="dim"))
        console.print(page)
    # Without the fonts that it would fetch from elsewhere: the browser's own will do.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="A fleet at work"), flags=re.DOTALL)
    PICTURE.write_text(drawn, encoding="utf-8")
    taken(PICTURE)
