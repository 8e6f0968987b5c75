"""Classes of workers as a plan reckons with them: who they are, which queues they serve, how fast. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.capability import ANY_CPU, Requirement, level_runs, shortfalls
from contract.ledger import ModelCounts, Work
from contract.memory import format_bytes, tier_in_words
from contract.model_spec import ModelSpec
from contract.queues import most_demanding_first, queue_name
from producer.fleet.facts import Facts, Worker, WorkerClass, class_of, features_asked_for
from producer.fleet.rates import Rate, rate_of

#: Of a machine that would have to be brought in, where no profile says more.
_THREADS: Final = 2
#: Such machines that a plan tells of: for the most demanding queues.
_NEW_MAX: Final = 10


@dataclass(frozen=True)
class Kind:
    """A class of workers: those that live, or one that would have to be brought in."""

    of: WorkerClass
    #: That live and take work.
    workers: int
    #: Queue to why they do not serve it; not there: they do.
    lacks: Mapping[str, str]
    #: By model, of one slot.
    rates: Mapping[str, Rate]

    def speeds(self, shares: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """Images per second of one slot, by queue; of those that it serves, in the order of `shares`.

        `shares`: by queue, each model's share of its images.
        """
        speeds = {queue: self._speed(of_models) for queue, of_models in shares.items() if queue not in self.lacks}
        return {queue: speed for queue, speed in speeds.items() if speed > 0}

    def _speed(self, shares: Mapping[str, float]) -> float:
        """Of one slot on a mix of models: the seconds for each image add up."""
        if any(ref not in self.rates for ref in shares):
            return 0.0
        seconds = sum(share / self.rates[ref].images_per_s for ref, share in shares.items())
        return 1 / seconds if seconds > 0 else 0.0


def kinds_of(facts: Facts, counts: Mapping[str, ModelCounts]) -> list[Kind]:
    """Of each class that lives, then of one machine for each queue with work that nobody serves, just large enough."""
    requirements = dict(sorted(facts.requirements.items(), key=most_demanding_first))
    asked_for = features_asked_for(requirements.values())
    classes: defaultdict[WorkerClass, list[Worker]] = defaultdict(list)
    for worker in facts.workers:
        classes[class_of(worker.advert.capability, asked_for)].append(worker)
    kinds = [_living(of, classes[of], facts.models, requirements, counts) for of in sorted(classes)]
    with_work = {queue for (queue, _), work in facts.backlog.parts.items() if work != Work()}
    unserved = [queue for queue in requirements if queue in with_work and all(queue in kind.lacks for kind in kinds)]
    return kinds + [_new(requirements[queue], facts.models, requirements, counts) for queue in unserved[:_NEW_MAX]]


def _living(
    of: WorkerClass,
    workers: Sequence[Worker],
    models: Sequence[ModelSpec],
    requirements: Mapping[str, Requirement],
    counts: Mapping[str, ModelCounts],
) -> Kind:
    at_work = [worker for worker in workers if not worker.draining]
    like = workers[0].advert.capability
    lacks = {queue: ", ".join(missing) for queue, needs in requirements.items() if (missing := shortfalls(like, needs))}
    for queue in requirements:
        if at_work and queue not in lacks and all(queue in worker.advert.withdrawn for worker in at_work):
            lacks[queue] = f"has withdrawn: {at_work[0].advert.withdrawn[queue]}"
    return Kind(of, len(at_work), lacks, _rates(models, lacks, workers, of, counts))


def _new(
    needs: Requirement,
    models: Sequence[ModelSpec],
    requirements: Mapping[str, Requirement],
    counts: Mapping[str, ModelCounts],
) -> Kind:
    threads = max((point.threads for spec in models if spec.needs == needs for point in spec.profile), default=_THREADS)
    of = WorkerClass(needs.cpu_level, needs.memory_bytes, 1, threads, tuple(sorted(needs.cpu_features)))
    lacks = {queue: why for queue, other in requirements.items() if (why := _lacks(needs, other))}
    return Kind(of, 0, lacks, _rates(models, lacks, [], of, counts))


def _lacks(had: Requirement, needs: Requirement) -> str:
    """What a machine that is just enough for `had` may lack for `needs`."""
    if had.memory_bytes < needs.memory_bytes:
        return f"{tier_in_words(needs.memory_bytes)} of memory per slot (has {format_bytes(had.memory_bytes)})"
    if had.cpu_level == ANY_CPU != needs.cpu_level or not level_runs(had.cpu_level, needs.cpu_level):
        return f"CPU level {needs.cpu_level}"
    return ", ".join(sorted(needs.cpu_features - had.cpu_features))


def _rates(
    models: Sequence[ModelSpec],
    lacks: Mapping[str, str],
    workers: Sequence[Worker],
    of: WorkerClass,
    counts: Mapping[str, ModelCounts],
) -> dict[str, Rate]:
    fitting = [spec for spec in models if queue_name(spec.needs) not in lacks]
    rates = {spec.ref: rate_of(spec, workers, of, counts.get(spec.ref)) for spec in fitting}
    return {ref: rate for ref, rate in rates.items() if rate is not None}
