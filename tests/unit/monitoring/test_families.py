"""Facts to metrics, without Redis: what stands on the page."""

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from contract.ledger import Backlog, ModelCounts, Work
from contract.ledger.counts import BatchRun, additions, latest
from contract.memory import GIB, MIB
from contract.vitals import SlotVitals, Vitals
from producer import fleet
from producer.fleet import Worker
from producer.metrics.catalog import CATALOG
from producer.metrics.facts import Facts, LearnedBatch
from producer.metrics.families import families, families_without_redis
from tests.support.builders import advert, spec

QUEUE = "detect.any.512m"
MODEL = "defects-small@1"
RUN = BatchRun(8, 2.0, "1024m", predicted_bytes=1000, peak_bytes=800)


def facts(**fields: Any) -> Facts:
    counted = {name: str(number) for name, number in (additions(RUN) | latest(RUN)).items()}
    waiting = Backlog({QUEUE: Work(3, 24, 1, 5)}, {MODEL: Work(3, 24, 1, 5)}, {}, {QUEUE: 12.5}, {}, False, 0.0)
    workers = [Worker(*each) for each in fields.pop("fleet", [])]
    told = {
        "fleet": fleet.Facts(workers, fields.pop("models", [spec()]), fields.pop("backlog", waiting)),
        "counts": {MODEL: ModelCounts.of({**counted, "images:succeeded": "8", "attempts:done": "1"})},
        "learned": {},
        "refused": {},
        "blob_bytes": 0,
        "blob_limit_bytes": 1000,
    }
    return Facts(**{**told, **fields})


def page(told: Facts) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their names) → value, as Prometheus would read it."""

    class Once(Collector):
        def collect(self) -> Any:
            return families(told, 0.01)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    text = generate_latest(registry).decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_queues() -> None:
    seen = page(facts(fleet=[(advert(queues=[QUEUE]), None)]))

    assert seen["vedette_queue_tasks", QUEUE] == 3
    assert seen["vedette_queue_images", QUEUE] == 24
    assert seen["vedette_queue_oldest_seconds", QUEUE] == 12.5
    assert seen["vedette_queue_tasks_in_flight", QUEUE] == 1
    assert seen["vedette_queue_images_in_flight", QUEUE] == 5
    assert seen["vedette_queue_workers", QUEUE] == 1


def test_a_queue_on_which_nothing_waits_has_zeros() -> None:
    seen = page(facts(backlog=Backlog({QUEUE: Work()}, {}, {}, {}, {}, False, 0.0)))

    assert (seen["vedette_queue_tasks", QUEUE], seen["vedette_queue_oldest_seconds", QUEUE]) == (0, 0)
    assert (seen["vedette_queue_workers", QUEUE], seen["vedette_model_tasks", MODEL]) == (0, 0)


def test_a_model_that_was_used() -> None:
    seen = page(facts())

    assert seen["vedette_images_total", MODEL, "succeeded"] == 8
    assert seen["vedette_images_total", MODEL, "dead"] == 0, "an increase from nothing would be none"
    assert seen["vedette_attempts_total", MODEL, "done"] == 1
    assert seen["vedette_kills_total", "guard", MODEL] == 0
    assert seen["vedette_batch_images_bucket", "8.0", MODEL] == 1
    assert seen["vedette_batch_images_bucket", "4.0", MODEL] == 0
    assert (seen["vedette_image_seconds_bucket", "0.25", MODEL], seen["vedette_image_seconds_count", MODEL]) == (8, 8)
    assert seen["vedette_image_seconds_sum", MODEL] == 2.0
    assert (seen["vedette_memory_peak_ratio_bucket", "0.8", MODEL], seen["vedette_memory_peak_ratio_sum", MODEL]) == (
        1,
        0.8,
    )
    assert seen["vedette_memory_predicted_bytes", "1024m", MODEL] == 1000
    assert seen["vedette_memory_peak_bytes", "1024m", MODEL] == 800


def test_workers_that_a_model_fits_and_what_was_learned() -> None:
    workers = [
        (advert("small@yard", memory="256m"), None),
        (advert("a@yard", memory="2g"), None),
        (advert("b@yard", memory="2g"), None),
        (advert("c@yard", memory="2g").model_copy(update={"withdrawn": {QUEUE: "SIGILL"}}), None),
    ]
    learned = {(MODEL, "2048m"): LearnedBatch(16, 0), (MODEL, "256m"): LearnedBatch(1, 2)}

    seen = page(facts(fleet=workers, learned=learned))

    assert seen["vedette_model_workers", MODEL] == 2
    assert seen["vedette_worker_withdrawn_queues", "c@yard"] == 1
    assert seen["vedette_learned_batch_fitted", "2048m", MODEL] == 16
    assert ("vedette_learned_batch_limit", "2048m", MODEL) not in seen
    assert seen["vedette_learned_batch_limit", "256m", MODEL] == 2


def test_a_worker_that_drains_is_none_that_a_model_fits() -> None:
    drains = advert("a@yard", memory="2g").model_copy(update={"draining": True})

    seen = page(facts(fleet=[(drains, None), (advert("b@yard", memory="2g"), None)]))

    assert seen["vedette_model_workers", MODEL] == 1


def test_a_worker_with_vitals_and_one_of_an_older_vedette() -> None:
    vitals = Vitals(
        node="new@yard",
        up_s=60,
        slots=2,
        slots_busy=1,
        memory_bytes=900 * MIB,
        memory_free_bytes=3 * GIB,
        each=(SlotVitals(pid=1, memory_bytes=500 * MIB, models=(MODEL,)), SlotVitals(pid=2, memory_bytes=300 * MIB)),
        kills={"guard": 2},
        images={MODEL: 40},
    )

    seen = page(facts(fleet=[(advert("new@yard", slots=2), vitals), (advert("old@yard"), None)]))

    assert seen["vedette_workers",] == 2
    assert seen["vedette_worker_info", "2048m", "x86_64_v3", "", "new@yard"] == 1
    assert (seen["vedette_worker_slots", "new@yard"], seen["vedette_worker_slots_busy", "new@yard"]) == (2, 1)
    assert seen["vedette_worker_memory_bytes", "new@yard"] == 900 * MIB
    assert seen["vedette_worker_memory_limit_bytes", "new@yard"] == 4 * GIB
    assert seen["vedette_worker_slot_memory_bytes", "2", "new@yard"] == 300 * MIB
    assert seen["vedette_worker_models_loaded", MODEL, "new@yard"] == 1
    assert seen["vedette_worker_kills_total", "guard", "new@yard"] == 2
    assert seen["vedette_worker_images_total", MODEL, "new@yard"] == 40
    assert seen["vedette_worker_slots", "old@yard"] == 1
    assert ("vedette_worker_slots_busy", "old@yard") not in seen


def test_every_metric_has_its_help_even_without_a_series() -> None:
    told = {family.name: family.documentation for family in families(facts(models=[]), 0.0)}

    assert told == {name.removesuffix("_total"): meant.help for name, meant in CATALOG.items()}


def test_without_redis_there_is_one_sample() -> None:
    [family] = families_without_redis()

    assert [(sample.name, sample.value) for sample in family.samples] == [("vedette_redis_up", 0)]
