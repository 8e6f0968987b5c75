"""`vedette dead drop`: forget dead letters that nobody will retry."""

from collections.abc import Sequence

import click

from vedette.session import Session


@click.command("drop")
@click.argument("job_id", metavar="JOB")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.pass_obj
def dead_drop(session: Session, job_id: str, images: Sequence[str]) -> None:
    """Forget dead letters; their failures stay in the results.

    IMAGE is the name in the results; without one, all dead letters of the job are forgotten.
    """
    with session.client() as client:
        count = client.job(job_id).drop_dead(images or None)
    click.echo(f"{count} dead letter{'' if count == 1 else 's'} of job {job_id} dropped")
