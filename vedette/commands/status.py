"""`vedette status`: where a job stands, and why it waits."""

from datetime import datetime

import click

from contract.ledger import JobStatus, WebhookStatus
from vedette.session import Session
from vedette.waiting import why_waiting


@click.command()
@click.argument("job_id", metavar="JOB")
@click.pass_obj
def status(session: Session, job_id: str) -> None:
    """Show where a job stands, and why it waits."""
    with session.client() as client:
        found = client.job(job_id).status()
        why = None if found.ended else why_waiting(client, job_id, in_turn=True)
    for name, text in status_lines(found):
        click.echo(f"{name:<10}{text}")
    if why is not None:
        click.echo(f"{'why':<10}{why}")


def status_lines(status: JobStatus) -> list[tuple[str, str]]:
    """(what, value) for people."""
    counts = f"{status.done} of {status.total} done"
    if status.failed:
        counts += f", {status.failed} of them failed"
    if not status.sealed and not status.ended:
        counts += "; more are being submitted"
    lines = [
        ("job", status.job),
        ("state", status.state),
        ("model", status.model),
        ("queue", status.queue),
        ("images", counts),
        ("created", _shown(status.created)),
    ]
    if status.finished is not None:
        lines.append(("finished", _shown(status.finished)))
    if status.webhook is not None:
        lines.append(("webhook", webhook_line(status.webhook)))
    return lines


def webhook_line(webhook: WebhookStatus) -> str:
    line = f"{webhook.state.replace('_', ' ')}: {webhook.url}"
    if webhook.attempts:
        line += f", {webhook.attempts} attempt{'s' if webhook.attempts > 1 else ''}"
    if webhook.last_error is not None and webhook.state != "delivered":
        line += f", the last: {webhook.last_error}"
    if webhook.state == "unattended":
        line += "; no gateway lives that delivers: start `vedette gateway` with VEDETTE_WEBHOOK_SECRETS_FILE"
    return line


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
