"""A large fleet in Redis: many adverts, a model and tasks for each of many queues. No process stands behind it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import redis

from contract.capability import Capability
from contract.ledger import Ledger
from contract.memory import TIERS_BYTES
from contract.model_spec import ModelSpec
from contract.queues import queue_name, serveable
from contract.registry import Advert, Registry
from contract.settings import Settings
from tests.support.builders import capability, image_refs, options, spec

LEVELS = ("any", "x86_64_v2", "x86_64_v3", "x86_64_v4", "armv8.2a")
#: As long as a real advert's.
FEATURES = frozenset(f"feature_{number}" for number in range(90))


@dataclass(frozen=True)
class BigFleet:
    adverts: Sequence[Advert]
    #: One for each queue.
    models: Sequence[ModelSpec]
    tasks: Sequence[str]


def big_fleet(
    client: redis.Redis, settings: Settings, *, workers: int, queues: int, tasks_each: int, running: int
) -> BigFleet:
    """Published, submitted and, as far as `running` goes, claimed."""
    models = list(itertools.islice(_models(), queues))
    names = [queue_name(model.needs) for model in models]
    assert len({*names}) == queues, "each model has a queue of its own"
    adverts = [
        Advert(node=f"worker-{number}@yard-{number}", capability=has, queues=served)
        for number, (has, served) in enumerate(itertools.islice(_machines(names), workers))
    ]
    # Filling Redis takes as long as an advert lives.
    registry = Registry(client, settings.model_copy(update={"advert_lifetime": settings.registry_lifetime}))
    for model in models:
        registry.publish_model(model)
    for advert in adverts:
        registry.publish_advert(advert)
    tasks = _submitted(Ledger(client, settings), models, tasks_each)
    _claimed(Ledger(client, settings), tasks, adverts, running)
    return BigFleet(adverts, models, [task for _, task in tasks])


def _submitted(ledger: Ledger, models: Sequence[ModelSpec], tasks_each: int) -> list[tuple[str, str]]:
    """(job, task) of a job for each model."""
    tasks = []
    for number, model in enumerate(models):
        queue = queue_name(model.needs)
        ledger.create_job(f"job-{number}", options(model.ref), queue)
        for task in range(tasks_each):
            tasks.append((f"job-{number}", f"task-{number}-{task}"))
            ledger.add_task(*tasks[-1], queue, 8, image_refs(8, start=8 * task))
    return tasks


def _claimed(ledger: Ledger, tasks: Sequence[tuple[str, str]], adverts: Sequence[Advert], count: int) -> None:
    slots = itertools.cycle([advert.node for advert in adverts for _ in range(advert.capability.slots)])
    for (job, task), node in zip(tasks[:: max(1, len(tasks) // max(1, count))][:count], slots, strict=False):
        ledger.claim(job, task, node)


def _models() -> Iterator[ModelSpec]:
    """Each with a requirement of its own, and labels as many as COCO has."""
    labels = {str(number): f"label number {number}" for number in range(1, 91)}
    for number, (tier_bytes, level, features) in enumerate(
        itertools.product(TIERS_BYTES[:5], LEVELS, ((), ("avx512_vnni",), ("amx_bf16",), ("avx512_bf16",)))
    ):
        yield spec(
            f"model-{number}",
            base=f"{tier_bytes // 2}",
            per_image="1m",
            cpu=level,
            features=features,
            labels=labels,
            throughput={"images_per_s": {"8": 1 + number % 7}},
        )


def _machines(queues: Sequence[str]) -> Iterator[tuple[Capability, tuple[str, ...]]]:
    """Machines that differ in level, memory, slots and threads, and the queues that each serves."""
    kinds = [
        capability(f"{gib}g", level, cpu_features=FEATURES, slots=slots, threads=threads)
        for gib, level, slots, threads in itertools.product((1, 2, 3, 4, 6, 8, 12, 16), LEVELS[1:], (1, 2), (2, 4))
    ]
    return itertools.cycle([(has, tuple(serveable(queues, has))) for has in kinds])
