"""`vedette drain`: workers finish what they are at and take nothing new, so that they can be ended or replaced."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import click

from contract.registry import Advert
from contract.vitals import Vitals
from producer import Client
from vedette.exits import ALL_PROCESSED, NOT_ALL
from vedette.session import Session

State = Literal["working", "draining", "idle", "left"]

_LOOK_AGAIN_S: Final = 0.5


@click.command()
@click.argument("workers", metavar="WORKER...", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Return when they are idle; with --stop, when they have left.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0), default=1800, show_default=True, metavar="SECONDS"
)
@click.option("--stop", is_flag=True, help="They end by themselves once they are idle.")
@click.option("--undo", is_flag=True, help="They take work again.")
@click.option("--force", is_flag=True, help="Even if nobody else can run some model.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per worker and line.")
@click.pass_obj
def drain(
    session: Session,
    workers: Sequence[str],
    wait: bool,
    timeout_s: float,
    stop: bool,
    undo: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Have workers finish what they are at and take nothing new.

    WORKER is a name of `vedette fleet`, its part before the @, or a pattern such as 'small*'. Draining lasts until
    --undo, or until the worker ends: one that is started again works.

    \b
    Exit codes:
      0  the workers have the order; with --wait, they are idle, or have left
      1  with --wait: they were still at work when the time was over
      2  no such worker, one that cannot drain, or the only one that can run some model (--force)
    """
    if undo and (stop or wait):
        raise click.UsageError("--undo goes with neither --stop nor --wait")
    with session.client() as client:
        chosen = client.drain(workers, stop=stop, undo=undo, force=force)
        if wait:
            stands = _awaited(client, chosen, {"left"} if stop else {"idle", "left"}, timeout_s)
        else:
            stands = _standing(client, chosen)
    for stand in stands:
        click.echo(json.dumps(stand.fields()) if as_json else stand.told(undo=undo, waited=wait, stop=stop))
    return NOT_ALL if any(stand.late for stand in stands) else ALL_PROCESSED


@dataclass(frozen=True)
class Stand:
    """Where one worker stands."""

    node: str
    state: State
    #: Slots at work; None when it does not say.
    busy: int | None
    #: It was waited for in vain.
    late: bool = False

    @classmethod
    def of(cls, ordered: Advert, now: Advert | None, vitals: Vitals | None) -> "Stand":
        """`now` is the advert under that name; of another start of the worker it is not meant."""
        if now is None or now.instance != ordered.instance:
            return cls(ordered.node, "left", None)
        busy = vitals.slots_busy if vitals is not None else None
        # Only of vitals that know of it is it certain that nothing is on its way to a slot.
        if vitals is None or not (now.draining and vitals.draining):
            return cls(now.node, "working", busy)
        return cls(now.node, "draining" if busy else "idle", busy)

    def fields(self) -> dict[str, Any]:
        return {"worker": self.node, "state": self.state, "busy": self.busy}

    def told(self, *, undo: bool, waited: bool, stop: bool) -> str:
        tasks = f"{self.busy} task{'' if self.busy == 1 else 's'}"
        if undo:
            return f"{self.node} takes work again within seconds"
        if self.state == "left":
            return f"{self.node} has left"
        if waited and self.state == "working":
            return f"{self.node} has not heard of it yet"
        if self.state == "idle":
            return f"{self.node} is idle and takes nothing new" + (", and will end" if stop else "")
        then = ", and then ends" if stop else ""
        return f"{self.node} finishes {tasks if self.busy else 'what it is at'} and takes nothing new{then}"


def _standing(client: Client, chosen: Sequence[Advert]) -> list[Stand]:
    now = {advert.node: (advert, vitals) for advert, vitals in client.vitals()}
    return [Stand.of(advert, *now.get(advert.node, (None, None))) for advert in chosen]


def _awaited(client: Client, chosen: Sequence[Advert], wanted: set[State], timeout_s: float) -> list[Stand]:
    """Where they stand once all are as wanted, or the time is over."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        stands = _standing(client, chosen)
        if all(stand.state in wanted for stand in stands):
            return stands
        if time.monotonic() >= deadline_s:
            return [replace(stand, late=stand.state not in wanted) for stand in stands]
        time.sleep(_LOOK_AGAIN_S)
