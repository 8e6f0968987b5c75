"""`vedette dead retry`: put images back, to be tried again where their model fits now."""

import json
from collections.abc import Sequence

import click

from vedette.session import Session


@click.command("retry")
@click.argument("job_id", metavar="JOB")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--allow-waiting", is_flag=True, help="Put them back even if no live worker can run the model yet.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def dead_retry(session: Session, job_id: str, images: Sequence[str], allow_waiting: bool, as_json: bool) -> None:
    """Put images back into their job.

    IMAGE is the name in the results; without one, all dead letters of the job are put back. A job that was stopped for
    its failures goes on with everything that it had left.
    """
    with session.client() as client:
        before = client.job(job_id).status().state
        count = client.retry_dead(job_id, images or None, allow_waiting)
    if as_json:
        resumed = before == "stopped" and count > 0
        click.echo(json.dumps({"job": job_id, "retried": count, "resumed": resumed}))
        return
    if not count:
        click.echo(f"job {job_id} has no dead letters")
        return
    click.echo(f"{count} image{'s' if count > 1 else ''} of job {job_id} put back")
    if before == "stopped":
        click.echo("the job had been stopped for its failures and goes on, without that limit")
    click.echo(f"`vedette results {job_id}` follows it to its end")
