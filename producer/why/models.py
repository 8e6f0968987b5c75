"""Whether the fleet has the model, and the one that is meant. Pure."""

from typing import Final

from producer.why.facts import Facts
from producer.why.reason import Reason
from producer.why.words import count, duration, names

#: A model that a worker has is published at each upkeep, and after each look into the store.
_UNSEEN_S: Final = 60.0


def of_model(facts: Facts) -> list[Reason]:
    ref, job = facts.model_ref, facts.job
    if facts.model is None:
        return [_unknown_model(facts)]
    if job is not None and job.digest and job.digest != facts.model.digest:
        text = f"{ref} in the workers' stores is no longer what it was when the job was submitted"
        remedy = "put the old files back, or cancel the job and submit it again; a changed model wants a new version"
        return [Reason(code="model_changed", text=text, remedy=remedy)]
    seen_s = facts.model_seen_s
    if facts.workers and seen_s is not None and facts.now_s - seen_s > max(_UNSEEN_S, 5 * facts.upkeep_s):
        text = f"no live worker has {ref} in its store; one last had {duration(facts.now_s - seen_s)} ago"
        remedy = "put it into the store that VEDETTE_MODEL_STORE of the workers names (`vedette models add`)"
        return [Reason(code="model_unseen", text=text, remedy=remedy)]
    return []


def _unknown_model(facts: Facts) -> Reason:
    ref = facts.model_ref or facts.name
    others = [version for version in facts.versions if version != ref]
    if others:
        text = f"no worker's store has {ref}, but {names(others)}"
        return Reason(code="model_version", text=text, remedy="add that version to the store, or submit with another")
    known = f"; known are {names(facts.models)}" if facts.models else ""
    return Reason(
        code="model_unknown",
        text=f"no worker's store has {ref}{known}",
        remedy="`vedette models add` puts it into a store; workers need the same VEDETTE_MODEL_STORE",
    )


def ready(facts: Facts) -> Reason:
    able = [worker for worker in facts.workers if any(name in worker.advert.queues for name in facts.queues)]
    slots, busy = sum(worker.slots for worker in able), sum(worker.busy for worker in able)
    text = f"{count(len(able), 'worker')} can run it, with {slots - busy} of {count(slots, 'slot')} free"
    return Reason(code="ready", text=text, details={"workers": [worker.node for worker in able]})
