"""The `vedette` command: which subcommands there are, and what an error becomes."""

from typing import Any, Final

import click

from contract.errors import VedetteError
from vedette.exits import INTERRUPTED, exit_code_of
from vedette.lazy import LazyGroup
from vedette.session import Session

#: Subcommand to its one line of help; `vedette/commands/<name>.py` defines a function of that name.
COMMANDS: Final = {
    "detect": "Detect objects in images: folders, globs, files.",
    "results": "Fetch the results of a job, as they come.",
    "status": "Show where a job stands, and why it waits.",
    "cancel": "Stop a job.",
    "dead": "Images that failed through no fault of their own: look, retry, drop.",
    "models": "List, add, measure and remove models; alone, it lists them.",
    "fleet": "Watch workers, queues and models: who is busy, what waits, who serves it, or why nobody does.",
    "why": "Say why a job, a task or a model waits, and what to do.",
    "drain": "Have workers finish what they are at and take nothing new.",
    "doctor": "Say whether a worker can run on this machine, and if not, why and what to do.",
    "gateway": "Serve jobs, models and fleet over HTTP.",
    "exporter": "Tell Prometheus of queues, models and workers.",
    "up": "Start Redis, workers, Flower and the HTTP gateway on this machine, until Ctrl-C.",
    "demo": "Show the whole system at work: two unlike workers, two models, pictures to look at.",
}


class Vedette(LazyGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """Runs a subcommand. What it returns is the exit code, None being 0; an error is told without a trace."""
        try:
            ctx.exit(super().invoke(ctx) or 0)
        except VedetteError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(exit_code_of(error))
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)


@click.group(
    cls=Vedette,
    package="vedette.commands",
    helps=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--redis", "redis_url", metavar="URL", help="Redis of the workers; overrides VEDETTE_REDIS_URL.")
@click.version_option(package_name="vedette", message="%(prog)s %(version)s")
@click.pass_context
def vedette(ctx: click.Context, redis_url: str | None) -> None:
    """Object detection on a fleet of CPU machines.

    \b
    Exit codes of the subcommands:
      0  all images processed
      1  some images failed, or are not done
      2  wrong usage or settings, unknown model or job, no Redis
      3  no live worker can run it
    """
    ctx.obj = Session(redis_url)


def main() -> None:
    vedette(prog_name="vedette")
