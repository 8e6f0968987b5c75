"""Reads the facts: a fixed number of round trips, whatever the size of the fleet."""

from collections.abc import Mapping

from contract.ledger import Ledger, ModelCounts
from contract.registry import Registry
from producer.fleet.facts import Facts, Worker


def read_facts(registry: Registry, ledger: Ledger) -> Facts:
    """Redis' errors are the caller's."""
    workers = [Worker(advert, vitals) for advert, vitals in registry.fleet()]
    return Facts(workers=workers, models=registry.models(), backlog=ledger.backlog())


def read_counts(ledger: Ledger, facts: Facts) -> Mapping[str, ModelCounts]:
    """What was counted of the models that have work; for a plan."""
    return ledger.counts(sorted(facts.backlog.models))
