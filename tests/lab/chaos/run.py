"""One run: open the world, let producers work and faults strike, wait for the end, and hold it against the promises."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import redis

from contract import keys
from contract.doorbell import bell_app
from contract.ledger import Ledger
from contract.outage import is_passing
from contract.registry import Registry
from tests.lab.chaos import report
from tests.lab.chaos.counters import wrong_counters
from tests.lab.chaos.faults import strike
from tests.lab.chaos.load import Producer
from tests.lab.chaos.orders import Submitted
from tests.lab.chaos.schedule import faults
from tests.lab.chaos.tally import JobRecord, Wrong, tally
from tests.lab.chaos.world import World, open_world

_PRODUCERS: Final = 2
#: How long the fleet may go on without a new result, after the last fault, before what is left counts as lost.
GRACE_S: Final = 120.0
_STEP_S: Final = 0.1
_EVERYTHING: Final = 1_000_000

Answer = TypeVar("Answer")


@dataclass
class Run:
    """`text` is the tally; `wrongs` what went wrong, one text each: empty when all promises were kept."""

    text: str = ""
    wrongs: list[str] = field(default_factory=list)


@dataclass
class _Chaos:
    """Faults as they are due, each undone when it has lasted; workers that have ended are started anew."""

    world: World
    say: Callable[[str], Any]
    struck: Counter[str] = field(default_factory=Counter)
    _undo: list[tuple[float, str, Callable[[], Any]]] = field(default_factory=list)

    def go_through(self, seed: int, seconds: float) -> None:
        begun = time.monotonic()
        with bell_app(self.world.settings) as app:
            for fault in faults(seed, seconds, self.world.settings.lease.total_seconds()):
                self.tend_until(begun + fault.at_s)
                done = strike(fault, self.world, app)
                what = done.what if done is not None else "nothing to do"
                self.say(f"{time.monotonic() - begun:6.1f} s  {fault.kind:<20} {what}")
                self.struck[fault.kind] += done is not None
                if done is not None and done.undo is not None:
                    self._undo.append((time.monotonic() + fault.lasts_s, fault.kind, done.undo))
        self.tend_until(begun + seconds)

    def tend_until(self, when: float) -> None:
        while True:
            now = time.monotonic()
            for item in [item for item in self._undo if item[0] <= now]:
                self._undo.remove(item)
                with suppress(redis.RedisError):  # a killed Redis has forgotten that it was full
                    item[2]()
            for worker in self.world.workers:
                if worker.tend():
                    self.say(f"          {worker.name} starts anew")
            if now >= when:
                return
            time.sleep(_STEP_S)

    def relent(self) -> None:
        """Ends what still lasts."""
        for _, _, undo in self._undo:
            with suppress(redis.RedisError):
                undo()
        self._undo.clear()
        self.world.server.thaw()
        self.world.server.start()
        for node in self.world.server.servers:
            _patiently(partial(node.fill, False))


def run(directory: Path, seconds: float, seed: int, workers: int, say: Callable[[str], Any] = print) -> Run:
    with open_world(directory, workers) as world:
        for sentence in world.left_out:
            say(f"left out: {sentence}")
        try:
            world.wait_until_it_works()
        except AssertionError as error:
            return Run("", [str(error), *_logs(world)])
        say(f"chaos for {seconds:g} s, seed {seed}, {workers} workers")
        producers = [Producer(world.settings, world.stock, seed, number) for number in range(_PRODUCERS)]
        for producer in producers:
            producer.start()
        chaos = _Chaos(world, say)
        chaos.go_through(seed, seconds)
        chaos.relent()
        begun = time.monotonic()
        for producer in producers:
            producer.stop()
        hanging = [producer for producer in producers if not _ended(producer, chaos)]
        submitted = [job for producer in producers for job in list(producer.submitted)]
        open_jobs = _wait(chaos, submitted)
        took_s = time.monotonic() - begun
        wrongs = [f"producer {producer.number} hangs" for producer in hanging]
        return _judge(chaos, producers, submitted, open_jobs, wrongs, seconds, took_s)


def _ended(producer: Producer, chaos: _Chaos) -> bool:
    give_up = time.monotonic() + GRACE_S
    while not producer.join(_STEP_S):
        chaos.tend_until(0)
        if time.monotonic() > give_up:
            return False
    return True


def _wait(chaos: _Chaos, submitted: Sequence[Submitted]) -> list[str]:
    """Jobs that have not ended when nothing has come of them for the grace: a busy machine is slow, not wrong."""
    ledger = Ledger(chaos.world.client, chaos.world.settings)
    give_up, left = time.monotonic() + GRACE_S, 0
    still_open = [job.job for job in submitted]
    while still_open and time.monotonic() < give_up:
        chaos.tend_until(time.monotonic() + 1)
        with suppress(redis.RedisError):
            statuses = [ledger.status(job) for job in still_open]
            still_open = [status.job for status in statuses if not status.ended]
            before, left = left, sum(status.total - status.done for status in statuses)
            if left != before:
                give_up = time.monotonic() + GRACE_S
    return still_open


def _judge(
    chaos: _Chaos,
    producers: Sequence[Producer],
    submitted: Sequence[Submitted],
    open_jobs: Sequence[str],
    wrongs: list[str],
    seconds: float,
    took_s: float,
) -> Run:
    world = chaos.world
    ledger = Ledger(world.client, world.settings)
    counted = tally(_patiently(partial(_record, world.client, ledger, job)) for job in submitted)
    endless = _patiently(
        lambda: [key for key in world.client.scan_iter(f"{keys.PREFIX}*", 1000) if world.client.pttl(key) == -1]
    )
    wrongs += [f"the key {key} has no lifetime" for key in endless]
    wrongs += _patiently(partial(wrong_counters, world.client, ledger))
    wrongs += [f"a producer broke:\n{producer.broke}" for producer in producers if producer.broke]
    wrongs += [wrong for worker in world.workers for wrong in worker.wrongs]
    told = {wrong.job for wrong in counted.wrong}
    more = [Wrong(job, None, "has not ended") for job in open_jobs if job not in told]
    if counted.wrong or more:
        wrongs.append(report.explain([*counted.wrong, *more], ledger, world.client))
    text = report.table(
        counted,
        struck=chaos.struck,
        refused_submissions=sum(producer.refused for producer in producers),
        refused_messages=_patiently(Registry(world.client, world.settings).rejects),
        keys_without_lifetime=len(endless),
        starts={worker.name: worker.starts for worker in world.workers},
        seconds=(seconds, took_s),
    )
    if wrongs:
        wrongs += _logs(world)
    return Run(text, wrongs)


def _logs(world: World) -> list[str]:
    return [f"==> {worker.log_file.name}\n{worker.end_of_log()}" for worker in world.workers]


def _record(client: redis.Redis, ledger: Ledger, submitted: Submitted) -> JobRecord:
    job = submitted.job
    pairs = ledger.results(job, count=_EVERYTHING)
    return JobRecord(
        submitted=submitted,
        status=ledger.status(job),
        order=client.lrange(keys.job_order(job), 0, -1),
        results=dict(pairs),
        dead=frozenset(letter.index for letter in ledger.dead(job)),
        # A task that was split off begins with the history of the other.
        attempts=[*dict.fromkeys(attempt for task in ledger.tasks(job) for attempt in ledger.history(task))],
    )


def _patiently(call: Callable[[], Answer], patience_s: float = 30) -> Answer:
    """The driver cut its own connections too, and a Redis that was killed reads its file first."""
    give_up = time.monotonic() + patience_s
    while True:
        try:
            return call()
        except redis.RedisError as error:
            if not is_passing(error) or time.monotonic() > give_up:
                raise
            time.sleep(_STEP_S)
