"""`vedette results`: fetch what a job has, and follow it to its end."""

from pathlib import Path

import click

from vedette.exits import INTERRUPTED, exit_code_for
from vedette.follow import follow
from vedette.output import DEFAULT, ResultLines
from vedette.progress import progress_on_stderr
from vedette.session import Session
from vedette.summary import Tally, summary
from vedette.waiting import why_waiting


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "--out", metavar="DIR", help=f"Folder for results.jsonl, replaced if there; `-`: stdout.  [default: {DEFAULT}/JOB]"
)
@click.option(
    "--follow/--no-follow",
    "to_the_end",
    default=True,
    help="Wait for the job's end, or take what there is.  [default: follow]",
)
@click.pass_obj
def results(session: Session, job_id: str, out: str | None, to_the_end: bool) -> int:
    """Fetch the results of a job."""
    folder = None if out == "-" else Path(out) if out else DEFAULT / job_id
    with session.client() as client:
        job = client.job(job_id)
        tally = Tally()
        try:
            with ResultLines.to(folder) as lines, progress_on_stderr() as progress:
                status = follow(
                    job, lines, tally, progress, to_the_end=to_the_end, why=lambda status: why_waiting(client, status)
                )
        except KeyboardInterrupt:
            click.echo(f"\njob {job_id} goes on without you; {tally.done} results were fetched.", err=True)
            return INTERRUPTED
    for text in summary(tally, status, lines.shown):
        click.echo(text, err=folder is None)
    return exit_code_for(status)
