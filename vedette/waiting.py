"""Why a job does not move: nobody who lives can run its model."""

from collections.abc import Sequence

from contract.ledger import JobStatus
from contract.model_spec import ModelSpec
from contract.registry import Advert, serves
from contract.routing import explain
from producer import Client


def why_waiting(client: Client, status: JobStatus) -> str | None:
    """What is missing, in one line or more; None when the job has ended or somebody can run it."""
    if status.ended:
        return None
    return missing_for(status.model, client.models(), client.fleet())


def missing_for(ref: str, models: Sequence[ModelSpec], adverts: Sequence[Advert]) -> str | None:
    spec = next((spec for spec in models if spec.ref == ref), None)
    if spec is None:
        return f"no worker has had {ref} for a long time: start one whose model store has it"
    if any(serves(advert, spec.needs) for advert in adverts):
        return None
    return explain(spec, adverts)
