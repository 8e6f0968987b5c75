"""Reads the facts: a fixed number of round trips, whatever the size of the fleet."""

from contract.ledger import Ledger
from contract.registry import Registry
from producer.fleet.facts import Facts, Worker


def read_facts(registry: Registry, ledger: Ledger) -> Facts:
    """Redis' errors are the caller's."""
    workers = [Worker(advert, vitals) for advert, vitals in registry.fleet()]
    return Facts(workers=workers, models=registry.models(), backlog=ledger.backlog())
