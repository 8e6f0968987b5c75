"""Makes docs/images/fleet.svg: what `vedette fleet` and its plan show of a stack that is at work.

    python docs/fleet_picture.py

Everything in it is real: three workers of unlike memory, three jobs on rendered plates, one of them for a model that
none of these workers can hold. Takes some minutes; what it starts ends with it. At the end it says how good a plan was.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import cv2
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.text import Text

import workers
from producer import Client, Job
from vedette.fleet.look import Look, looking
from vedette.fleet.page import FleetPage
from vedette.fleet.plan_page import PlanPage
from vedette.plates import render_plate
from vedette.session import Session
from vedette.stack import Stack, WorkerPlan
from vedette.stack.interrupt import stopped_by_signal

PICTURE: Final = Path(__file__).parent / "images" / "fleet.svg"
WIDTH: Final = 128
WORKERS: Final = (
    WorkerPlan("small", ("--memory", "1g", "--slots", "1", "--threads", "1")),
    WorkerPlan("medium", ("--memory", "2560m", "--slots", "2", "--threads", "1")),
    WorkerPlan("large", ("--memory", "3g", "--slots", "1", "--threads", "1")),
)
#: A rate of the last minute is only told by a worker that has been at it for as long.
AT_WORK_S: Final = 75.0
WITHIN: Final = timedelta(minutes=3)


def main() -> None:
    with (
        stopped_by_signal(),
        tempfile.TemporaryDirectory(prefix="vedette-picture-") as folder,
        at_work(Path(folder)) as (url, jobs),
    ):
        time.sleep(AT_WORK_S)
        with looking(Session(url), patient=True) as look:
            draw(look)
            plan = look.plan(WITHIN, "defects-large")
        began_s = time.monotonic()
        jobs["defects-large"].wait(timeout=900)
        print(f"defects-large: planned {plan.done_in_s} s, took {time.monotonic() - began_s:.0f} s")


@contextmanager
def at_work(folder: Path) -> Iterator[tuple[str, dict[str, Job]]]:
    os.environ["VEDETTE_MODEL_STORE"] = str(store(folder / "store"))
    plates = [plate(folder / f"plate-{number}.png", number) for number in range(12)]
    with (
        Stack(folder / "stack", WORKERS, redis_port=6390, flower_port=None) as stack,
        Client(stack.broker_url) as client,
    ):
        jobs = {
            model: client.submit(
                [(f"{number}.png", plates[number % len(plates)]) for number in range(images)], model, allow_waiting=True
            )
            for model, images in (("defects-small", 4000), ("defects-large", 600), ("defects-panorama", 40))
        }
        yield stack.broker_url, jobs


def store(folder: Path) -> Path:
    """The bundled models, and one that takes more memory than these workers have."""
    shutil.copytree(Path(workers.__file__).parent / "bundled", folder)
    shutil.copytree(folder / "defects-large", folder / "defects-panorama")
    toml = folder / "defects-panorama" / "1" / "model.toml"
    text = re.sub(r'(?m)^name = ".*"', 'name = "defects-panorama"', toml.read_text(encoding="utf-8"), count=1)
    toml.write_text(re.sub(r"(?m)^base_bytes = \d+", "base_bytes = 6000000000", text, count=1), encoding="utf-8")
    return folder


def plate(path: Path, number: int) -> Path:
    cv2.imwrite(str(path), render_plate(1_500_000 + number, 640, 480).image)
    return path


def draw(look: Look) -> None:
    console = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", highlight=False)
    pages: list[tuple[str, RenderableType]] = [
        ("vedette fleet", FleetPage(look.view())),
        ("vedette fleet --plan --within 3m", PlanPage(look.plan(WITHIN, None))),
    ]
    for number, (command, page) in enumerate(pages):
        console.print(Text(f"{'' if number == 0 else chr(10)}$ {command}", style="dim"))
        console.print(page)
    # Without the fonts that rich would fetch from elsewhere: the browser's own will do.
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    PICTURE.write_text(console.export_svg(title="A fleet at work", code_format=form), encoding="utf-8")


if __name__ == "__main__":
    main()
