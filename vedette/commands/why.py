"""`vedette why`: the answer at 3 a.m."""

import click

from vedette.session import Session
from vedette.tables import print_table
from vedette.why_page import page


@click.command()
@click.argument("name", metavar="JOB|TASK|MODEL")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, as GET /v1/jobs/{id}/why gives it.")
@click.pass_obj
def why(session: Session, name: str, as_json: bool) -> None:
    """Say why a job, a task or a model waits, and what to do.

    First the reason in a sentence and what to do about it, then the facts: the queue, which workers fit and what they
    are at, which do not and by how much, and every attempt.
    """
    with session.client() as client:
        answer = client.why(name)
    if as_json:
        click.echo(answer.model_dump_json(indent=2))
        return
    for part in page(answer):
        if isinstance(part, str):
            click.echo(part)
        else:
            print_table(part)
