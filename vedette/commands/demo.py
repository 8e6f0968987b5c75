"""`vedette demo`: the main job on made-up plates. The steps stand here in their order.

A stack with two workers of unlike capability, plates with defects, two models of unlike appetite: the small model runs
on either worker, the large one only where it fits.
"""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from contract.ledger import JobStatus
from contract.messages import ImageResult
from producer import Client
from vedette.annotate import annotate, target_paths
from vedette.commands.up import say_ready
from vedette.exits import exit_code_for
from vedette.follow import follow
from vedette.output import ResultFiles, check_writable
from vedette.place import Place
from vedette.progress import Progress, progress_on_stderr
from vedette.stack import Stack, WorkerPlan
from vedette.stack.interrupt import stopped_by_signal
from vedette.summary import Tally, summary
from vedette.tables import print_table
from vedette.who_did_what import who_did_what

MODELS: Final = ("defects-small", "defects-large")
#: Unlike on purpose: a machine with little memory, and all that this one has.
WORKERS: Final = (WorkerPlan("small", ("--memory", "1536m", "--slots", "1")), WorkerPlan("large"))
#: Plates that no bundled model was trained on: training has the seeds below a million.
FIRST_SEED: Final = 1_500_000


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for plates, drawings, results and logs.",
)
@click.option("--plates", type=click.IntRange(1, 1000), default=24, show_default=True, help="How many to render.")
def demo(out: Path, plates: int) -> int:
    """Show the whole system at work: two unlike workers, two models, pictures to look at.

    Needs no data and no Redis: plates are rendered, Redis is brought along. Everything that was started is stopped.
    """
    check_writable(out)
    started_s = time.monotonic()
    click.echo("Vedette demo: surface defects on metal plates, found by two workers of unlike memory\n")
    click.echo("1. Starting Redis, two workers and Flower; TensorFlow takes some seconds to import")
    stack = Stack((out / "stack").absolute(), WORKERS, image_roots=[out.absolute()], on_ready=say_ready)
    with stopped_by_signal(), stack, Client(stack.broker_url) as client:
        click.echo(f"\n2. Rendering {plates} plates with scratches, dents, holes and stains")
        images = _render(out / "plates", plates)
        ended = []
        with ResultFiles(Place.meant(str(out))) as files:
            for step, model in enumerate(MODELS, start=3):
                click.echo(f"\n{step}. Detecting with {model}")
                ended.append(_detect(client, model, images, out, files))
        click.echo("\nWho did what")
        print_table(who_did_what(client.fleet(), _tasks_by_worker(client, [status.job for status in ended])))
        click.echo("\nStopping what was started")
    click.echo(_where_to_look(out, time.monotonic() - started_s))
    return max(exit_code_for(status) for status in ended)


def _render(folder: Path, count: int) -> list[tuple[str, Path]]:
    """(name, path) of freshly rendered plates."""
    import cv2

    from vedette.plates import render_plate

    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for number in range(count):
        width_px, height_px = ((640, 480), (800, 600), (960, 720))[number % 3]
        path = folder / f"plate-{number + 1:02}.png"
        cv2.imwrite(str(path), render_plate(FIRST_SEED + number, width_px, height_px).image)
        images.append((f"plates/{path.name}", path))
    return images


def _detect(client: Client, model: str, images: Sequence[tuple[str, Path]], out: Path, files: ResultFiles) -> JobStatus:
    job = client.submit(images, model)
    targets = target_paths([f"{model}/{path.name}" for _, path in images], out)

    def draw(index: int, result: ImageResult) -> None:
        if result.ok:
            annotate(images[index][1], result, targets[index])

    tally = Tally()
    progress: Progress
    with progress_on_stderr() as progress:
        status = follow(job, files, tally, progress, on_result=draw)
    for text in summary(tally, status, files.shown)[:-1]:
        click.echo(f"   {text}")
    return status


def _tasks_by_worker(client: Client, jobs: Sequence[str]) -> Counter[str]:
    return Counter(attempt.worker for job in jobs for attempt in client.job(job).attempts() if attempt.verdict is None)


def _where_to_look(out: Path, elapsed_s: float) -> str:
    return (
        f"\nDone in {elapsed_s:.0f} s. Look at\n"
        f"  {out / 'annotated'}      the plates with what each model found\n"
        f"  {out / 'results.jsonl'}  one line per image and model\n"
        f"  {out / 'stack'}          logs of Redis, workers and Flower\n"
        "\nGo on with your own images:\n"
        "  vedette up                                           # in one terminal; prints the address of Redis\n"
        "  vedette detect PHOTOS --model defects-small --annotate   # in another"
    )
