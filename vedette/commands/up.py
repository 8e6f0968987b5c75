"""`vedette up`: a whole stack on this machine, in the foreground, until Ctrl-C."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from contract.settings import load_settings
from vedette.exits import NOT_ALL
from vedette.stack import Stack, WorkerPlan
from vedette.stack.interrupt import stopped_by_signal

DATA: Final = Path("vedette-data")


@click.command()
@click.option(
    "--worker",
    "workers",
    multiple=True,
    metavar="OPTIONS",
    help="A worker with these options, such as '--memory 2g --slots 1'; may be given several times.  [default: one]",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DATA,
    show_default=True,
    help="Folder of Redis' data and of the logs.",
)
@click.option(
    "--images",
    "image_roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    metavar="FOLDER",
    help="Folder whose images may be read; may be given several times.  "
    "[default: VEDETTE_IMAGE_ROOTS, else your home and the current folder]",
)
@click.option("--redis-port", type=click.IntRange(1, 65535), default=6379, show_default=True, help="Another if taken.")
@click.option("--flower-port", type=click.IntRange(1, 65535), default=5555, show_default=True, help="Another if taken.")
@click.option("--no-flower", is_flag=True, help="Start without Flower.")
@click.option(
    "--gateway-port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Another if taken."
)
@click.option("--no-gateway", is_flag=True, help="Start without the HTTP gateway.")
def up(
    workers: Sequence[str],
    data: Path,
    image_roots: Sequence[Path],
    redis_port: int,
    flower_port: int,
    no_flower: bool,
    gateway_port: int,
    no_gateway: bool,
) -> int:
    """Start Redis, workers, Flower and the HTTP gateway on this machine, until Ctrl-C.

    Everything listens on the loopback interface only. Redis' data stays in the data folder and is there next time.
    """
    click.echo("starting; TensorFlow takes some seconds to import")
    stack = Stack(
        data.absolute(),
        worker_plans(workers),
        redis_port,
        None if no_flower else flower_port,
        None if no_gateway else gateway_port,
        image_roots=open_folders(image_roots),
        on_ready=say_ready,
    )
    with stopped_by_signal() as stopped, stack:
        click.echo(how_to_go_on(stack.broker_url, stack.image_roots))
        while not stopped():
            gone = stack.ended_by_itself()
            if gone is not None:
                click.echo(f"error: {gone.name} ended by itself.\n{gone.log_tail()}", err=True)
                return NOT_ALL
            time.sleep(0.2)
        click.echo("stopping: workers finish their batch")
    click.echo(f"stopped; data and logs are in {data}")
    return 0


def worker_plans(options: Sequence[str]) -> list[WorkerPlan]:
    """worker-1, worker-2, …, each with the words of its option string; one plain worker when there is none."""
    return [WorkerPlan(f"worker-{n}", tuple(shlex.split(words))) for n, words in enumerate(options or ("",), start=1)]


def say_ready(name: str, where: str) -> None:
    click.echo(f"  {name:<14} {where}")


def open_folders(given: Sequence[Path]) -> Sequence[Path]:
    """Who tries Vedette out has photos at home, or is where they are; anybody on this machine may ask for others."""
    return given or load_settings().image_roots or [Path.home(), Path.cwd()]


def how_to_go_on(broker_url: str, image_roots: Sequence[Path]) -> str:
    return (
        f"\nready. Images are read below {' and '.join(map(str, image_roots))} (--images). In another terminal:\n"
        f"  export VEDETTE_REDIS_URL={broker_url}\n"
        "  vedette models\n"
        "  vedette detect PHOTOS --model defects-small --annotate\n"
        "\nCtrl-C stops everything that was started here."
    )
