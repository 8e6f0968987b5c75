"""How `vedette fleet` reaches Redis: once with patience, or again and again without."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from contract.connection import connect
from contract.ledger import Ledger
from contract.registry import Registry
from contract.settings import load_settings
from producer.fleet import Facts, read_facts
from producer.outage import answering
from vedette.session import Session

Look = Callable[[], Facts]


@contextmanager
def looking(session: Session, *, patient: bool) -> Iterator[Look]:
    """A function that reads the facts of now; it raises RedisUnreachable or RedisRefused."""
    settings = load_settings(**({} if session.redis_url is None else {"redis_url": session.redis_url}))
    with connect(settings, patient=patient) as client:
        registry, ledger = Registry(client, settings), Ledger(client, settings)

        def look() -> Facts:
            with answering(settings):
                return read_facts(registry, ledger)

        yield look
