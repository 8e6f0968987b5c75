"""`vedette models remove`: out of the store and off the list, unless somebody needs it."""

from typing import TYPE_CHECKING, Final

import click

from contract.errors import ModelUnknown, RedisUnreachable
from contract.settings import load_settings
from vedette.errors import ModelInUse, needs_extra
from vedette.session import Session

if TYPE_CHECKING:
    from producer import Client

_NAMED: Final = 3


@click.command("remove")
@click.argument("model", metavar="NAME@VERSION")
@click.option("--offline", is_flag=True, help="Without a Redis to ask whether jobs need it.")
@click.pass_obj
def models_remove(session: Session, model: str, offline: bool) -> None:
    """Remove one version of a model from the store.

    Refused while jobs have images of it waiting or running. Slots that have it loaded keep it until they need its room.
    """
    with needs_extra("worker", "vedette models remove"):
        from workers.store import ModelStore
    if "@" not in model:
        raise ModelUnknown(f"{model!r} names no version; write for example {model}@1")
    store = ModelStore(load_settings())
    if offline:
        store.remove(model)
    else:
        try:
            with session.client() as client:
                _refuse_if_in_use(client, model)
                store.remove(model)
                client.forget_model(model)
        except RedisUnreachable as error:
            raise RedisUnreachable(f"{error}\nOr say --offline, if no job can need {model}.") from None
    click.echo(f"{model} is removed from {store.root}")


def _refuse_if_in_use(client: "Client", model: str) -> None:
    jobs = client.jobs_at(model)
    if jobs:
        more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
        raise ModelInUse(
            f"{model} is in use: images of job {', '.join(sorted(jobs)[:_NAMED])}{more} wait for it or are under way. "
            "Wait for them (vedette status JOB), or stop them (vedette cancel JOB)."
        )
