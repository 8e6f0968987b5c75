"""`vedette cancel`: stop a job; what is done stays readable."""

import click

from vedette.session import Session


@click.command()
@click.argument("job_id", metavar="JOB")
@click.pass_obj
def cancel(session: Session, job_id: str) -> None:
    """Stop a job."""
    with session.client() as client:
        job = client.job(job_id)
        before = job.cancel()
        status = job.status()
    done = f"{status.done} of {status.total} images were done"
    if before == "open":
        click.echo(f"job {job_id} is cancelled; {done}")
    else:
        click.echo(f"job {job_id} had ended before ({before}); {done}")
