"""Says what this worker can do, and listens to every queue in use that it satisfies.

Runs on the worker's event loop, without threads: the main process forks its slots. A Redis that is away is noted once
and tried again at the next upkeep.
"""

from typing import Any

from celery import bootsteps
from celery.utils.log import get_logger

from contract.capability import Capability, satisfies
from contract.connection import connect
from contract.doorbell import celery_queue
from contract.outage import RedisTrouble
from contract.queues import is_queue, serveable
from contract.registry import Advert, Registry
from contract.settings import load_settings
from workers.draining import Draining
from workers.findings import findings
from workers.hardware.probe import describe, telling_features
from workers.memory.blackbox import read_all
from workers.monitor import Monitor
from workers.store.watch import StoreWatch
from workers.warm_up import WarmUp, warm_queue

logger = get_logger(__name__)

#: How many upkeeps pass between two looks into the model store.
_UPKEEPS_PER_STORE_SCAN = 30


class Advertise(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Consumer bootstep: models and advert to the registry, queues from it."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._settings = load_settings()
        self._redis = connect(self._settings, patient=False)
        self._registry = Registry(self._redis, self._settings)
        self._watch = StoreWatch(self._settings)
        self._found = findings()
        self._draining = Draining(self._redis)
        self._capability: Capability = self._found.capability
        self._listening: list[str] = []
        self._timer: Any = None
        self._upkeeps = 0
        self._redis_was_away = False
        self._open = False
        self._knows_its_store = False
        self._monitor = Monitor(consumer.hostname, self._found)
        self._warm_up = WarmUp(self._found.boxes, self._settings.task_timeout.total_seconds())

    def start(self, consumer: Any) -> None:
        for line in describe(self._capability):
            logger.info(line)
        self._listening = []
        self._upkeeps = 0
        self._upkeep(consumer)
        self._timer = consumer.timer.call_repeatedly(self._settings.upkeep.total_seconds(), self._upkeep, (consumer,))

    def stop(self, consumer: Any) -> None:
        """Withdraws the advert first, so that nothing more is routed to a worker that is leaving."""
        if self._timer is not None:
            self._timer.cancel()
        self._watch.stop()
        try:
            self._registry.withdraw_advert(consumer.hostname)
        except RedisTrouble:
            logger.info("advert not withdrawn, Redis is away; its lifetime ends it")

    def info(self, _consumer: Any) -> dict[str, Any]:
        """For `celery inspect stats`, and so for Flower's worker page, tab "Other". The advert has every feature."""
        shown = self._capability.model_dump(mode="json", exclude={"cpu_features"})
        return {
            "capability": {
                **shown,
                "cpu_features": telling_features(self._capability.cpu_level, self._capability.cpu_features),
            },
            "listening": [*filter(is_queue, self._listening)],
            "draining": self._draining.on,
        }

    def _upkeep(self, consumer: Any) -> None:
        if not self._slots_are_open():
            return
        try:
            self._draining.look(consumer.hostname)
            if self._upkeeps % _UPKEEPS_PER_STORE_SCAN == 0:
                self._watch.look()
            self._publish_models(consumer)
            self._publish_warm_ones()
            self._upkeeps += 1
            self._listen(consumer, self._wanted(consumer))
            vitals = self._draining.noted_in(self._monitor.vitals())
            self._registry.publish_advert(self._advert(consumer), vitals)
            self._draining.end_if_idle(vitals)
        except RedisTrouble as error:
            if not self._redis_was_away:
                logger.warning("Redis is away: advert not refreshed (%s)", error)
            self._redis_was_away = True
            self._upkeeps = 0  # it may have been half-way from one set of queues to another
        else:
            self._redis_was_away = False

    def _publish_models(self, consumer: Any) -> None:
        found = self._watch.found()
        for spec in found:
            fits = satisfies(self._capability, spec.needs)
            if not (self._knows_its_store and fits):
                self._warm_up.spare(spec)
            if not self._knows_its_store:
                logger.info("model     %s, %s", spec.ref, "runs here" if fits else "needs a bigger machine")
            may_publish = self._warm_up.may_publish(spec)
            if may_publish:
                self._registry.publish_model(spec)
            elif may_publish is None and not self._draining.on:
                self._warm_up.begin(consumer.app, spec, consumer.hostname, self._capability.slots)
                # Should this worker end before its slots have answered, the messages are for nobody.
                self._redis.pexpire(warm_queue(consumer.hostname), self._settings.task_timeout)
        self._knows_its_store = self._knows_its_store or bool(found)

    def _publish_warm_ones(self) -> None:
        for spec, outcome, text in self._warm_up.finished():
            if outcome == "broken":
                logger.error("model     %s is not offered: %s", spec.ref, text)
            else:
                logger.info("model     %s, %s", spec.ref, outcome)
                self._registry.publish_model(spec)

    def _slots_are_open(self) -> bool:
        """A slot's black box is the last thing that it makes when it opens: before that it imports TensorFlow."""
        self._open = self._open or len(read_all(self._found.boxes)) >= self._capability.slots
        return self._open

    def _wanted(self, consumer: Any) -> list[str]:
        queues = [] if self._draining.on else serveable(self._registry.queues_in_use(), self._capability)
        ours = [queue for queue in queues if queue not in self._found.withdrawn]
        return [warm_queue(consumer.hostname), *ours] if self._warm_up.pending else ours

    def _listen(self, consumer: Any, wanted: list[str]) -> None:
        """Consumes exactly `wanted`, in that order: Redis is asked for the first queue first."""
        if wanted == self._listening and self._upkeeps > 1:
            return
        for queue in self._listening:
            consumer.cancel_task_queue(queue)
        for queue in wanted:
            consumer.app.amqp.queues.add(celery_queue(queue))
            consumer.add_task_queue(queue)
        self._listening = wanted
        none = "none, for it drains" if self._draining.on else "none in use fits this machine yet"
        logger.info("queues    %s", ", ".join(filter(is_queue, wanted)) or none)

    def _advert(self, consumer: Any) -> Advert:
        return Advert(
            node=consumer.hostname,
            capability=self._capability,
            queues=tuple(filter(is_queue, self._listening)),
            versions=self._found.versions,
            withdrawn=self._found.withdrawn,
            instance=self._draining.instance,
            draining=self._draining.on,
        )
