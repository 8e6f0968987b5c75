"""`vedette dead list`: which images, and why."""

from collections.abc import Sequence

import click
from rich.table import Table

from producer import DeadLetter
from vedette.dead_letters import letter_json
from vedette.session import Session
from vedette.tables import print_table, table, verbatim


@click.command("list")
@click.argument("job_id", metavar="JOB")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many to list at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_obj
def dead_list(session: Session, job_id: str, limit: int, as_json: bool) -> None:
    """List a job's dead letters."""
    with session.client() as client:
        letters = client.job(job_id).dead_letters()
    shown = letters[:limit]
    if as_json:
        for letter in shown:
            click.echo(letter_json(letter))
    elif shown:
        print_table(letters_table(shown))
    else:
        click.echo(f"job {job_id} has no dead letters")
    if len(letters) > limit:
        click.echo(f"… and {len(letters) - limit} more; --limit N lists more", err=as_json)


def letters_table(letters: Sequence[DeadLetter]) -> Table:
    rows = table("image", "code", "attempts", "message")
    for letter in letters:
        rows.add_row(
            verbatim(letter.image.name),
            letter.failure.code,
            str(letter.result.attempts),
            verbatim(letter.failure.message),
        )
    return rows
