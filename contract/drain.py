"""Orders to one start of a worker: take nothing new, or work again. An operator writes them, its upkeep reads them.

Not by Celery's remote control: that is a broadcast, which a worker that is connecting anew just then misses, and it can
be switched off. An order stands until it is read, and the worker keeps to it whatever becomes of the key. It names the
`instance` of the worker's advert, so that a worker which is restarted under the same name works.
"""

from datetime import timedelta
from typing import Final, Literal

import redis
from pydantic import BaseModel, ConfigDict, ValidationError

from contract import keys
from contract.registry import Advert

#: A worker reads its orders with each upkeep; one that is cut off for so long has no advert to be named by.
_LIFETIME: Final = timedelta(hours=1)


class DrainOrder(BaseModel):
    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    #: Of the worker's advert.
    instance: str
    #: False: work again.
    drain: bool
    #: End, as on SIGTERM, once nothing runs any more.
    stop: bool = False


def give_order(client: redis.Redis, advert: Advert, *, drain: bool, stop: bool = False) -> None:
    order = DrainOrder(instance=advert.instance, drain=drain, stop=stop)
    client.set(keys.drain(advert.node), order.model_dump_json(), px=_LIFETIME)


def read_order(client: redis.Redis, node: str, instance: str) -> DrainOrder | None:
    """The last order to this start of the worker; None for none, or none that this Vedette can read."""
    text = client.get(keys.drain(node))
    if text is None:
        return None
    try:
        order = DrainOrder.model_validate_json(text)
    except ValidationError:
        return None
    return order if order.instance == instance else None
