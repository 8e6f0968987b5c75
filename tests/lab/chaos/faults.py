"""Does one fault to the world. Says what was done, or None when there was nothing to do it to."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, assert_never

import psutil
from celery import Celery
from redis.client import NEVER_DECODE

from contract import keys
from contract.doorbell import ring
from contract.ledger import Ledger
from contract.messages import DetectMessage
from contract.outage import RedisTrouble
from contract.queues import is_queue
from tests.lab.chaos.garbage import garbage
from tests.lab.chaos.schedule import Fault
from tests.lab.chaos.worker_life import MortalWorker
from tests.lab.chaos.world import World
from tests.support.redis_sentinel import SentinelGroup

#: How many at once.
_GARBAGE: Final = 8
_DOUBLED: Final = 10
_LOST: Final = 3


@dataclass(frozen=True)
class Struck:
    #: For the log of the run.
    what: str
    #: Ends it; called after `Fault.lasts_s`.
    undo: Callable[[], Any] | None = None


def strike(fault: Fault, world: World, app: Celery) -> Struck | None:
    draw = random.Random(fault.pick)
    try:
        return _strike(fault, world, app, draw)
    except (*RedisTrouble, OSError, psutil.Error):  # another fault was there first
        return None


def _strike(fault: Fault, world: World, app: Celery, draw: random.Random) -> Struck | None:
    worker = draw.choice(world.workers)
    match fault.kind:
        case "kill a slot":
            return _kill_slot(worker, draw)
        case "kill a worker":
            worker.kill()
            return Struck(worker.name)
        case "kill a main process":
            worker.kill_main()
            return Struck(worker.name)
        case "freeze a worker":
            worker.freeze()
            return Struck(f"{worker.name} for {fault.lasts_s} s", worker.thaw)
        case "stop a worker":
            worker.stop()
            return Struck(worker.name)
        case "kill Redis" | "fail Redis over" | "freeze Redis" | "fill Redis":
            return _strike_redis(fault, world.server)
        case "cut connections":
            killed = sum(int(world.client.client_kill_filter(_type=kind)) for kind in ("normal", "pubsub"))
            return Struck(f"{killed} of them")
        case "cut a cable":
            return _cut_a_cable(fault, world, draw)
        case "push garbage":
            return _push_garbage(world, draw)
        case "double doorbells":
            return _double_doorbells(world, app, draw)
        case "lose doorbells":
            return _lose_doorbells(world, draw)
    assert_never(fault.kind)


def _strike_redis(fault: Fault, group: SentinelGroup) -> Struck | None:
    """The master, and only one that all others follow: what two deaths at once cost is not Vedette's to promise."""
    master = group.healthy_master()
    if master is None:
        return None
    match fault.kind:
        case "kill Redis":
            master.kill()
            master.start()
            return Struck("and started at once")
        case "fail Redis over":
            master.kill()
            return Struck(f"away for {fault.lasts_s} s", partial(group.start_as_replica, master))
        case "freeze Redis":
            master.freeze()
            return Struck(f"for {fault.lasts_s} s", master.thaw)
        case _:
            master.fill()
            return Struck(f"for {fault.lasts_s} s", partial(master.fill, False))


def _kill_slot(worker: MortalWorker, draw: random.Random) -> Struck | None:
    slots = worker.slots()
    if not slots:
        return None
    slot = draw.choice(slots)
    slot.kill()
    return Struck(f"{worker.name}, pid {slot.pid}")


def _cut_a_cable(fault: Fault, world: World, draw: random.Random) -> Struck | None:
    at_a_cable = [worker for worker in world.workers if worker.cable is not None]
    if not at_a_cable:
        return None
    worker = draw.choice(at_a_cable)
    assert worker.cable is not None
    worker.cable.unplug()
    return Struck(f"{worker.name} for {fault.lasts_s} s", worker.cable.plug_in)


def _push_garbage(world: World, draw: random.Random) -> Struck | None:
    queues = _queues(world)
    if not queues:
        return None
    for _ in range(_GARBAGE):
        world.client.lpush(draw.choice(queues), garbage(draw))
    return Struck(f"{_GARBAGE} messages")


def _double_doorbells(world: World, app: Celery, draw: random.Random) -> Struck | None:
    """Of tasks that wait and of such as run."""
    ledger = Ledger(world.client, world.settings)
    tasks = [*world.client.zrange(keys.LEASES, 0, -1), *_waiting(world)]
    rung = 0
    for task_id in draw.sample(tasks, min(_DOUBLED, len(tasks))):
        task = ledger.task(task_id)
        if task is not None:
            message = DetectMessage(job=task.job, task=task.task, model=task.model, batch_size=task.batch_size)
            ring(app, message, task.queue)
            rung += 1
    return Struck(f"{rung} of them") if rung else None


def _waiting(world: World) -> list[str]:
    return [task for queue in _queues(world) for task in world.client.zrange(keys.bells(queue), 0, -1)]


def _lose_doorbells(world: World, draw: random.Random) -> Struck | None:
    lost = 0
    for queue in _queues(world):
        for _ in range(draw.randint(1, _LOST)):
            # Not decoded: garbage that is no text would leave its answer in the connection, for the next command.
            pop = draw.choice(("LPOP", "RPOP"))
            lost += world.client.execute_command(pop, queue, **{NEVER_DECODE: []}) is not None
    return Struck(f"{lost} of them") if lost else None


def _queues(world: World) -> list[str]:
    return [queue for queue in world.client.zrange(keys.QUEUES, 0, -1) if is_queue(queue)]
