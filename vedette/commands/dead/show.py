"""`vedette dead show`: one image, and everything that was tried with its task."""

import click

from producer import DeadLetter
from producer.dead import letters_of
from vedette.attempts_table import attempts_table
from vedette.dead_letters import letter_json
from vedette.session import Session
from vedette.tables import print_table


@click.command("show")
@click.argument("job_id", metavar="JOB")
@click.argument("image", metavar="IMAGE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with the attempts.")
@click.pass_obj
def dead_show(session: Session, job_id: str, image: str, as_json: bool) -> None:
    """Show one image, with every attempt at its task.

    IMAGE is the name in the results. An attempt is about a whole task: it may have failed for another image of it.
    """
    with session.client() as client:
        job = client.job(job_id)
        found = [(letter, job.attempts(letter.task)) for letter in letters_of(job.dead_letters(), [image], job_id)]
    for number, (letter, attempts) in enumerate(found):
        if as_json:
            click.echo(letter_json(letter, attempts))
            continue
        if number:
            click.echo()
        for name, text in letter_lines(letter):
            click.echo(f"{name:<10}{text}")
        click.echo()
        print_table(attempts_table(attempts))


def letter_lines(letter: DeadLetter) -> list[tuple[str, str]]:
    """(what, value) for people."""
    return [
        ("image", letter.image.name),
        ("file", letter.image.uri),
        ("code", letter.failure.code),
        ("message", " ".join(letter.failure.message.split())),
        ("task", letter.task),
    ]
