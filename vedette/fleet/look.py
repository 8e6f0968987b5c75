"""How `vedette fleet` reaches Redis: once with patience, or again and again without."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import redis

from contract.connection import connect
from contract.errors import ModelUnknown
from contract.ledger import Ledger
from contract.model_spec import ModelSpec
from contract.registry import Registry, spec_named
from contract.settings import Settings, load_settings
from producer.fleet import FleetView, Plan, plan_of, read_counts, read_facts, view_of
from producer.outage import answering
from vedette.session import Session


class Look:
    """What is there now. Raises RedisUnreachable and RedisRefused."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._settings = settings
        self._registry = Registry(client, settings)
        self._ledger = Ledger(client, settings)

    def view(self) -> FleetView:
        with answering(self._settings):
            return view_of(read_facts(self._registry, self._ledger))

    def plan(self, within: timedelta, model: str | None) -> Plan:
        """`model`: `name`, for its latest version, or `name@version`; ModelUnknown."""
        with answering(self._settings):
            facts = read_facts(self._registry, self._ledger)
            counts = read_counts(self._ledger, facts)
        ref = None if model is None else _ref(model, facts.models, facts.backlog.models)
        return plan_of(facts, counts, within, ref)


@contextmanager
def looking(session: Session, *, patient: bool) -> Iterator[Look]:
    settings = load_settings(**({} if session.redis_url is None else {"redis_url": session.redis_url}))
    with connect(settings, patient=patient) as client:
        yield Look(client, settings)


def _ref(name: str, known: Sequence[ModelSpec], at_work: Collection[str]) -> str:
    meant = spec_named(name, known)
    if meant is not None:
        return meant.ref
    if name in at_work:  # no worker has had it for long
        return name
    there_is = ", ".join(spec.ref for spec in known) or "none"
    raise ModelUnknown(f"unknown model {name!r}. Known: {there_is}.")
