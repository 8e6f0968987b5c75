"""`vedette dead drop`: forget dead letters that nobody will retry."""

import json
from collections.abc import Sequence

import click

from vedette.session import Session


@click.command("drop")
@click.argument("job_id", metavar="JOB")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def dead_drop(session: Session, job_id: str, images: Sequence[str], as_json: bool) -> None:
    """Forget dead letters; their failures stay in the results.

    IMAGE is the name in the results; without one, all dead letters of the job are forgotten.
    """
    with session.client() as client:
        count = client.job(job_id).drop_dead(images or None)
    if as_json:
        click.echo(json.dumps({"job": job_id, "dropped": count}))
        return
    click.echo(f"{count} dead letter{'' if count == 1 else 's'} of job {job_id} dropped")
