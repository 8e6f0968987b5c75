"""Facts to metrics. Pure. Which ones there are stands in `catalog`; each has its HELP line even without a series.

Counters that alerts are about begin at 0: Prometheus sees no increase in a series that begins above.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from contract.capability import worker_class
from contract.errors import MessageError, MessageVersionError
from contract.ledger import Histogram, ModelCounts
from contract.registry import Advert
from contract.vitals import Vitals
from producer import fleet
from producer.metrics.catalog import CATALOG
from producer.metrics.facts import Facts


class Page:
    """Every family of the catalog, filled one sample at a time."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}
        for name, meant in CATALOG.items():
            kind = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily, "histogram": HistogramMetricFamily}
            self._families[name] = kind[meant.kind](name, meant.help, labels=meant.labels)

    def tell(self, name: str, value: float, *labels: str) -> None:
        self._families[name].add_metric(labels, value)  # type: ignore[attr-defined]  # not of Metric itself

    def observe(self, name: str, histogram: Histogram, *labels: str) -> None:
        bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
        buckets = [*zip(bounds, accumulate(histogram.counts), strict=True)]
        self._families[name].add_metric(labels, buckets, histogram.sum)  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families.values())


def families(facts: Facts, took_s: float) -> Iterator[Metric]:
    """All metrics; `took_s` is how long it took to gather the facts."""
    page = Page()
    page.tell("vedette_redis_up", 1)
    page.tell("vedette_scrape_seconds", took_s)
    _queues(page, facts.fleet)
    for spec in facts.fleet.models:
        _counted(page, spec.ref, facts.counts.get(spec.ref, ModelCounts()))
    _learned(page, facts)
    _fitting(page, facts.fleet)
    for spec in facts.fleet.models:
        waiting = facts.fleet.backlog.models.get(spec.ref)
        page.tell("vedette_model_tasks", waiting.tasks_waiting if waiting else 0, spec.ref)
    page.tell("vedette_workers", len(facts.fleet.workers))
    for worker in facts.fleet.workers:
        _worker(page, worker.advert)
        if worker.vitals is not None:
            _vitals(page, worker.node, worker.vitals)
    page.tell("vedette_blob_bytes", facts.blob_bytes)
    page.tell("vedette_blob_limit_bytes", facts.blob_limit_bytes)
    for code in sorted({MessageError.code, MessageVersionError.code, *facts.refused}):
        page.tell("vedette_messages_refused_total", facts.refused.get(code, 0), code)
    return iter(page)


def families_without_redis() -> Iterator[Metric]:
    meant = CATALOG["vedette_redis_up"]
    yield GaugeMetricFamily("vedette_redis_up", meant.help, value=0)


def _queues(page: Page, seen: fleet.Facts) -> None:
    listening = Counter(queue for worker in seen.workers for queue in worker.advert.queues)
    for queue, work in seen.backlog.queues.items():
        page.tell("vedette_queue_tasks", work.tasks_waiting, queue)
        page.tell("vedette_queue_images", work.images_waiting, queue)
        page.tell("vedette_queue_oldest_seconds", seen.backlog.oldest_s.get(queue, 0.0), queue)
        page.tell("vedette_queue_tasks_in_flight", work.tasks_running, queue)
        page.tell("vedette_queue_images_in_flight", work.images_running, queue)
        page.tell("vedette_queue_workers", listening[queue], queue)


def _counted(page: Page, model: str, counts: ModelCounts) -> None:
    for outcome in ("succeeded", "failed", "dead"):
        page.tell("vedette_images_total", counts.images.get(outcome, 0), model, outcome)
    for code, images in counts.failures.items():
        page.tell("vedette_failures_total", images, model, code)
    for verdict, attempts in counts.attempts.items():
        page.tell("vedette_attempts_total", attempts, model, verdict)
    for by in sorted({"guard", "kernel", "signal", *counts.kills}):
        page.tell("vedette_kills_total", counts.kills.get(by, 0), model, by)
    page.observe("vedette_batch_images", counts.batch, model)
    page.observe("vedette_image_seconds", counts.seconds, model)
    page.observe("vedette_memory_peak_ratio", counts.ratio, model)
    for name, (predicted_bytes, peak_bytes) in counts.peaks.items():
        page.tell("vedette_memory_predicted_bytes", predicted_bytes, model, name)
        page.tell("vedette_memory_peak_bytes", peak_bytes, model, name)


def _learned(page: Page, facts: Facts) -> None:
    for (model, name), learned in facts.learned.items():
        page.tell("vedette_learned_batch_fitted", learned.fitted, model, name)
        if learned.limit:
            page.tell("vedette_learned_batch_limit", learned.limit, model, name)


def _fitting(page: Page, seen: fleet.Facts) -> None:
    """Workers that are alike are looked at once: a thousand times a hundred is much."""
    for spec in seen.models:
        fitting = sum(count for worker, count in seen.kinds if worker.serves(spec.needs))
        page.tell("vedette_model_workers", fitting, spec.ref)


def _worker(page: Page, advert: Advert) -> None:
    has = advert.capability
    tensorflow = advert.versions.get("tensorflow", "")
    page.tell("vedette_worker_info", 1, advert.node, has.cpu_level, worker_class(has.memory_per_slot_bytes), tensorflow)
    page.tell("vedette_worker_slots", has.slots, advert.node)
    page.tell("vedette_worker_memory_limit_bytes", has.memory_per_slot_bytes * has.slots, advert.node)
    page.tell("vedette_worker_withdrawn_queues", len(advert.withdrawn), advert.node)


def _vitals(page: Page, node: str, vitals: Vitals) -> None:
    page.tell("vedette_worker_uptime_seconds", vitals.up_s, node)
    page.tell("vedette_worker_draining", vitals.draining, node)
    page.tell("vedette_worker_slots_busy", vitals.slots_busy, node)
    page.tell("vedette_worker_memory_bytes", vitals.memory_bytes, node)
    page.tell("vedette_worker_memory_free_bytes", vitals.memory_free_bytes, node)
    for number, slot in enumerate(vitals.each, 1):
        page.tell("vedette_worker_slot_memory_bytes", slot.memory_bytes, node, str(number))
    for model, slots in vitals.models.items():
        page.tell("vedette_worker_models_loaded", slots, node, model)
    for by, kills in vitals.kills.items():
        page.tell("vedette_worker_kills_total", kills, node, by)
    for model, images in vitals.images.items():
        page.tell("vedette_worker_images_total", images, node, model)
