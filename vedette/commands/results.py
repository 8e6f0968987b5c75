"""`vedette results`: fetch what a job has, in any format, and follow it to its end."""

from collections.abc import Sequence
from pathlib import Path

import click

from vedette.annotate import Targets, need_opencv
from vedette.drawing import Drawings
from vedette.exits import INTERRUPTED, exit_code_for
from vedette.follow import follow
from vedette.output import ResultFiles
from vedette.output_options import output_options
from vedette.place import DEFAULT, STDOUT, Place
from vedette.progress import progress_on_stderr
from vedette.session import Session
from vedette.summary import Tally, summary
from vedette.waiting import why_waiting


@click.command()
@click.argument("job_id", metavar="JOB")
@output_options
@click.option("--annotate", "with_boxes", is_flag=True, help="Draw the boxes on copies of the images, DIR/annotated/….")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    default=".",
    metavar="DIR",
    help="Folder that the images' names start from, for --annotate.  [default: this one]",
)
@click.option(
    "--follow/--no-follow",
    "to_the_end",
    default=True,
    help="Wait for the job's end, or take what there is.  [default: follow]",
)
@click.pass_obj
def results(
    session: Session,
    job_id: str,
    out: str | None,
    formats: Sequence[str],
    with_boxes: bool,
    images: Path,
    to_the_end: bool,
) -> int:
    """Fetch the results of a job, as they come."""
    if with_boxes and out == STDOUT:
        raise click.UsageError("--annotate needs a folder: name one with --out")
    if with_boxes:
        need_opencv()
    place = Place.meant(out, formats, DEFAULT / job_id)
    drawings = _drawings(place.folder, images) if with_boxes and place.folder else None
    with session.client() as client:
        job = client.job(job_id)
        tally = Tally()
        try:
            with ResultFiles(place) as files, progress_on_stderr() as progress:
                status = follow(
                    job,
                    files,
                    tally,
                    progress,
                    to_the_end=to_the_end,
                    on_result=drawings.add if drawings else None,
                    why=lambda status: why_waiting(client, status.job),
                )
        except KeyboardInterrupt:
            click.echo(f"\njob {job_id} goes on without you; {tally.done} results were fetched.", err=True)
            return INTERRUPTED
    for text in summary(tally, status, files.shown):
        click.echo(text, err=place.folder is None)
    if drawings is not None:
        drawings.tell()
    return exit_code_for(status)


def _drawings(folder: Path, images: Path) -> Drawings:
    targets = Targets(folder)
    return Drawings(folder, lambda _, name: (images / name, targets.of(name)))
