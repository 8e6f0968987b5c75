"""`vedette detect`: submit, follow, write, tell. The steps stand here in their order; each is made elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import click

from producer import Client, Job
from producer.arguments import BATCH_SIZE_MAX
from vedette.annotate import need_opencv, target_paths
from vedette.drawing import Drawings
from vedette.exits import INTERRUPTED, exit_code_for
from vedette.follow import follow
from vedette.output import ResultFiles, check_writable
from vedette.output_options import output_options
from vedette.paths import expand
from vedette.place import DEFAULT, STDOUT, Place
from vedette.progress import progress_on_stderr
from vedette.session import Session
from vedette.summary import Tally, summary
from vedette.waiting import why_waiting

#: Name and path of each.
Images: TypeAlias = Sequence[tuple[str, str | Path]]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--model", required=True, metavar="NAME", help="Model, as `vedette models` lists it: name or name@version."
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, BATCH_SIZE_MAX),
    metavar="N",
    help="Images in one call of the model at most; default: its own.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    metavar="S",
    help="Lowest score to report.",
)
@output_options
@click.option("--annotate", "with_boxes", is_flag=True, help="Draw the boxes on copies of the images, DIR/annotated/….")
@click.option(
    "--upload", is_flag=True, help="Send the files to Redis, for workers that cannot read them; not for many."
)
@click.option("--allow-waiting", is_flag=True, help="Queue the job even if no live worker can run it yet.")
@click.option("--allow-degraded", is_flag=True, help="Make an image coarser rather than fail it for memory.")
@click.option(
    "--max-failure-rate",
    type=click.FloatRange(0, 1),
    metavar="R",
    help="Stop the job once more than this share of its images has failed, such as 0.2.",
)
@click.option("--webhook", metavar="URL", help="Address that a gateway tells when the job has ended.")
@click.option("--exact", is_flag=True, help="Approximate nothing: decode every image as it is, compute in float32.")
@click.option("--detach", is_flag=True, help="Print the job's id and leave, instead of following it.")
@click.pass_obj
def detect(
    session: Session,
    paths: Sequence[str],
    model: str,
    batch_size: int | None,
    min_score: float,
    out: str | None,
    formats: Sequence[str],
    with_boxes: bool,
    upload: bool,
    allow_waiting: bool,
    allow_degraded: bool,
    max_failure_rate: float | None,
    webhook: str | None,
    exact: bool,
    detach: bool,
) -> int:
    """Detect objects in images: folders, globs, files.

    A folder stands for all images in it and below. Quote a pattern such as 'photos/**/*.jpg' to have it expanded here.
    Addresses (https://…, s3://…) are read by the workers, where the settings allow it.
    """
    if detach and (out or with_boxes or formats != ("jsonl",)):
        raise click.UsageError("--detach leaves before there are results: fetch them with `vedette results JOB`")
    if with_boxes and out == STDOUT:
        raise click.UsageError("--annotate needs a folder: name one with --out")
    if with_boxes:
        need_opencv()
    images = expand(paths)
    place = Place.meant(out, formats)
    if place.folder is not None and not detach:
        check_writable(place.folder)
    with session.client() as client:
        with _told_of_interruption():
            given = _uploaded(client, images) if upload else images
            job = client.submit(
                *(given, model, batch_size, min_score, allow_waiting, allow_degraded, max_failure_rate),
                webhook=webhook,
                exact=exact,
            )
        if detach:
            click.echo(job.id)
            return 0
        place = Place.meant(out, formats, DEFAULT / job.id)
        click.echo(f"job {job.id}: {len(images)} images, results go to {place.folder or 'stdout'}", err=True)
        return _follow(client, job, images, place, with_boxes)


def _uploaded(client: Client, images: Sequence[tuple[str, str | Path]]) -> list[tuple[str, str | Path]]:
    """References of Redis instead of the paths; addresses stay."""
    return [(name, client.upload(place) if isinstance(place, Path) else place) for name, place in images]


@contextmanager
def _told_of_interruption() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\ninterrupted before all images were submitted: the job was cancelled", err=True)
        click.get_current_context().exit(INTERRUPTED)


def _follow(client: Client, job: Job, images: Images, place: Place, with_boxes: bool) -> int:
    tally = Tally()
    drawings = _drawings(images, place.folder) if with_boxes and place.folder else None
    try:
        with ResultFiles(place) as files, progress_on_stderr() as progress:
            status = follow(
                job,
                files,
                tally,
                progress,
                on_result=drawings.add if drawings else None,
                why=lambda status: why_waiting(client, status.job),
            )
    except KeyboardInterrupt:
        click.echo(
            f"\njob {job.id} goes on without you; {tally.done} of {len(images)} images were done.\n"
            f"`vedette results {job.id}` fetches all results, `vedette cancel {job.id}` stops it.",
            err=True,
        )
        return INTERRUPTED
    for text in summary(tally, status, files.shown):
        click.echo(text, err=place.folder is None)
    if drawings is not None:
        drawings.tell()
    return exit_code_for(status)


def _drawings(images: Images, folder: Path) -> Drawings:
    targets = target_paths([name for name, _ in images], folder)
    return Drawings(folder, lambda index, _: (images[index][1], targets[index]))
