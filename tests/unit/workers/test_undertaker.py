"""Slots that died, a ledger that does as it is told, and real black boxes: no Redis, no Celery."""

from types import SimpleNamespace

import pytest
import redis

from contract.ledger import TaskRecord
from contract.memory import GIB, MIB
from tests.support.builders import options
from workers import undertaker as module
from workers.memory.blackbox import BlackBox, read_entry
from workers.memory.oom import OomCounts
from workers.memory.sample import MemorySample
from workers.undertaker import Undertaker

NODE = "w@yard"
KILLED = "Worker exited prematurely: signal 9 (SIGKILL) Job: 3."
ILLEGAL = "Worker exited prematurely: signal 4 (SIGILL) Job: 3."
PID, OTHER_PID = 4001, 4002


def record(**fields):
    told = {"job": "job", "task": "task", "state": "running", "queue": "detect.any.1g", "batch_size": 8}
    return TaskRecord(**{**told, "attempt": 2, "worker": NODE, "options": options(), **fields})


class ToldLedger:
    def __init__(self):
        self.tasks = {"task": record()}
        self.away = False

    def task(self, task):
        if self.away:
            raise redis.ConnectionError("refused")
        return self.tasks.get(task)


@pytest.fixture
def world(monkeypatch, tmp_path):
    """An undertaker whose settling and ringing are written down, and the kernel's count of kills."""
    told = SimpleNamespace(
        ledger=ToldLedger(), settled=[], rung=[], withdrawn={}, done=[], oom=OomCounts(0, 0), boxes=tmp_path
    )

    def settle(_office, task, mishap):
        told.done.append("settled")
        told.settled.append((task, mishap))
        return f"settled {task.task}"

    def withdraw(queue, why):
        told.done.append("withdrawn")
        told.withdrawn[queue] = why

    monkeypatch.setattr(module, "settle", settle)
    monkeypatch.setattr(module, "ring", lambda _app, message, queue, **_more: told.rung.append((message.task, queue)))
    monkeypatch.setattr(module, "OomCounter", lambda: SimpleNamespace(read=lambda: told.oom))
    told.undertaker = Undertaker(SimpleNamespace(ledger=told.ledger, app=None), tmp_path, NODE, withdraw)
    return told


def box(
    directory, pid=PID, *, task="task", attempt=2, stage="run", batch=(3, 4), anon_bytes=300 * MIB, companions=None
):
    """What a slot of 2 GiB wrote last."""
    box = BlackBox(directory, pid, share_bytes=2 * GIB)
    box.begin("job", task, attempt, 8, companions=companions)
    box.enter(stage, batch)
    box.observe(MemorySample(anon_bytes, 4 * GIB, "host memory", 0.0))
    box.close()


def mishaps(world):
    return [mishap for _, mishap in world.settled]


def test_a_death_is_settled_with_what_the_black_box_knew(world):
    box(world.boxes)

    assert world.undertaker.slot_died("task", PID, KILLED) == "settled task"
    assert world.undertaker.kills == {"signal": 1}

    [(task, mishap)] = world.settled
    assert task == world.ledger.tasks["task"]
    assert (mishap.verdict, mishap.stage, mishap.victim, mishap.batch) == ("crash", "run", False, {3, 4})
    assert mishap.detail.startswith("SIGKILL, but not by the kernel for memory")
    assert read_entry(world.boxes, PID) is None


def test_a_death_while_loading_is_about_the_model(world):
    box(world.boxes, stage="load", batch=())
    world.oom = OomCounts(1, 1)

    world.undertaker.slot_died("task", PID, KILLED)

    [mishap] = mishaps(world)
    assert (mishap.verdict, mishap.stage, mishap.batch) == ("memory", "load", frozenset())


def test_each_kill_of_the_kernel_explains_one_death(world):
    for pid in (PID, OTHER_PID):
        box(world.boxes, pid)
    world.oom = OomCounts(1, 1)

    world.undertaker.slot_died("task", PID, KILLED)
    world.undertaker.slot_died("task", OTHER_PID, KILLED)

    assert [mishap.verdict for mishap in mishaps(world)] == ["memory", "crash"]


def test_a_slot_that_left_no_box_is_settled_without_a_batch(world):
    world.undertaker.slot_died("task", PID, KILLED)

    [mishap] = mishaps(world)
    assert (mishap.verdict, mishap.batch) == ("crash", frozenset())


def test_a_box_about_another_task_says_nothing_of_this_one(world):
    box(world.boxes, task="another", batch=(7,))

    world.undertaker.slot_died("task", PID, KILLED)

    assert [mishap.batch for mishap in mishaps(world)] == [frozenset()]


def test_the_smaller_of_two_slots_is_a_victim(world):
    box(world.boxes)
    box(world.boxes, OTHER_PID, task="another", anon_bytes=GIB)
    world.oom = OomCounts(1, 1)

    world.undertaker.slot_died("task", PID, KILLED)

    assert [mishap.victim for mishap in mishaps(world)] == [True]


def test_so_it_is_when_the_larger_one_died_a_moment_before(world):
    world.ledger.tasks["another"] = record(task="another")
    box(world.boxes)
    box(world.boxes, OTHER_PID, task="another", anon_bytes=2 * GIB)
    world.oom = OomCounts(2, 2)

    world.undertaker.slot_died("another", OTHER_PID, KILLED)
    world.undertaker.slot_died("task", PID, KILLED)

    assert [mishap.victim for mishap in mishaps(world)] == [False, True]


def test_but_not_when_it_died_long_before(world, monkeypatch):
    world.ledger.tasks["another"] = record(task="another")
    monkeypatch.setattr("workers.memory.blackbox.time.time", lambda: 100.0)
    box(world.boxes, OTHER_PID, task="another", anon_bytes=2 * GIB)
    monkeypatch.setattr("workers.memory.blackbox.time.time", lambda: 110.0)
    box(world.boxes)
    world.oom = OomCounts(2, 2)

    world.undertaker.slot_died("another", OTHER_PID, KILLED)
    world.undertaker.slot_died("task", PID, KILLED)

    assert [mishap.victim for mishap in mishaps(world)] == [False, False]


def test_those_that_ran_together_with_it_are_settled_too_and_nobody_is_blamed(world):
    # Given three tasks in one run, and a slot of which Celery knows the first only
    world.ledger.tasks = {name: record(task=name, attempt=1) for name in ("task", "b", "c")}
    box(world.boxes, attempt=1, companions={"b": 1, "c": 1})
    world.oom = OomCounts(1, 1)

    assert world.undertaker.slot_died("task", PID, KILLED) == "settled task"

    assert [task.task for task, _ in world.settled] == ["task", "b", "c"]
    assert [(mishap.verdict, mishap.shared, mishap.batch) for mishap in mishaps(world)] == [
        ("memory", True, {3, 4})  # as many as there were, for what is learned of it
    ] * 3
    # And one death counts once
    assert world.undertaker.kills == {"kernel": 1}
    assert [mishap.killed_by for mishap in mishaps(world)] == ["kernel", None, None]


def test_a_companion_that_has_gone_on_is_left_alone(world):
    # Given one that was cancelled, one that is done, and one whose lease ran out: it has another attempt
    others = {"b": record(task="b", state="cancelled"), "c": record(task="c", state="done"), "d": record(task="d")}
    world.ledger.tasks = {"task": record(attempt=1), **others}
    box(world.boxes, attempt=1, companions={"b": 1, "c": 1, "d": 1, "gone": 1})

    world.undertaker.slot_died("task", PID, KILLED)

    assert [task.task for task, _ in world.settled] == ["task"]


def test_a_death_after_the_first_was_closed_counts_with_the_next(world):
    # Given three in one run, of which the first had all its results, and the second was cancelled
    states = {"task": "done", "b": "cancelled", "c": "running", "d": "running"}
    world.ledger.tasks = {name: record(task=name, attempt=1, state=state) for name, state in states.items()}
    box(world.boxes, attempt=1, companions={"b": 1, "c": 1, "d": 1})
    world.oom = OomCounts(1, 1)

    assert world.undertaker.slot_died("task", PID, KILLED) is None

    assert [(task.task, mishap.killed_by) for task, mishap in world.settled] == [("c", "kernel"), ("d", None)]
    assert world.undertaker.kills == {"kernel": 1}


def test_a_task_that_ran_alone_is_judged_alone(world):
    box(world.boxes)

    world.undertaker.slot_died("task", PID, KILLED)

    assert [mishap.shared for mishap in mishaps(world)] == [False]


def test_redis_is_away_and_the_case_is_kept_until_it_is_back(world):
    box(world.boxes)
    world.ledger.away = True

    assert world.undertaker.slot_died("task", PID, KILLED) is None
    world.undertaker.work()
    assert world.settled == []
    world.ledger.away = False
    world.undertaker.work()
    world.undertaker.work()

    [(task, mishap)] = world.settled
    assert (task.task, mishap.batch) == ("task", {3, 4})


def test_so_are_those_that_ran_together_with_it(world):
    world.ledger.tasks = {name: record(task=name, attempt=1) for name in ("task", "b")}
    box(world.boxes, attempt=1, companions={"b": 1})
    world.ledger.away = True

    assert world.undertaker.slot_died("task", PID, KILLED) is None
    world.ledger.away = False
    world.undertaker.work()

    assert [(task.task, mishap.killed_by) for task, mishap in world.settled] == [("task", "signal"), ("b", None)]


def test_several_cases_are_kept_in_order(world):
    world.ledger.tasks["another"] = record(task="another")
    world.ledger.away = True
    world.undertaker.slot_died("task", None, KILLED)
    world.ledger.away = False

    assert world.undertaker.slot_died("another", None, KILLED) == "settled another"

    assert [task.task for task, _ in world.settled] == ["task", "another"]


def test_a_case_that_cannot_be_closed_is_left_to_its_lease_and_stops_no_other(world, monkeypatch, caplog):
    def settle(_office, task, _mishap):
        if task.task == "task":
            raise ValueError("written by another version")
        return f"settled {task.task}"

    monkeypatch.setattr(module, "settle", settle)
    world.ledger.tasks["another"] = record(task="another")
    world.ledger.away = True
    world.undertaker.slot_died("task", None, KILLED)
    world.ledger.away = False

    assert world.undertaker.slot_died("another", None, KILLED) == "settled another"

    assert "written by another version" in caplog.text


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(None, id="gone"),
        pytest.param(record(state="done"), id="done"),
        pytest.param(record(state="cancelled"), id="cancelled"),
        pytest.param(record(worker="other@yard"), id="on another worker"),
        pytest.param(record(attempt=3), id="a later attempt"),
    ],
)
def test_a_task_that_is_somebody_elses_by_now_is_left_alone(world, now):
    box(world.boxes)
    world.ledger.tasks["task"] = now

    assert world.undertaker.slot_died("task", PID, KILLED) is None

    assert (world.settled, world.rung) == ([], [])


def test_a_slot_that_died_before_it_claimed_has_its_bell_rung_again(world):
    world.ledger.tasks["task"] = record(state="queued")

    assert world.undertaker.slot_died("task", PID, KILLED) is None

    assert (world.settled, world.rung) == ([], [("task", "detect.any.1g")])


def test_an_illegal_instruction_ends_the_service_of_the_queue_before_anybody_is_rung_for(world):
    box(world.boxes)

    world.undertaker.slot_died("task", PID, ILLEGAL)

    assert [mishap.verdict for mishap in mishaps(world)] == ["cpu"]
    assert world.done == ["withdrawn", "settled"]
    [(queue, why)] = world.withdrawn.items()
    assert queue == "detect.any.1g"
    assert why.startswith("defects-small@1: SIGILL: the code has an instruction that this CPU lacks")


def test_another_death_ends_no_service(world):
    world.undertaker.slot_died("task", PID, KILLED)

    assert world.withdrawn == {}


def test_a_memory_error_that_escaped_is_memory_and_its_slot_lives(world):
    # Given a slot that has ended its attempt
    living = BlackBox(world.boxes, PID, share_bytes=2 * GIB)

    assert world.undertaker.memory_ran_out("task", "unable to allocate an array") == "settled task"

    [mishap] = mishaps(world)
    assert (mishap.verdict, mishap.detail, mishap.batch) == (
        "memory",
        "MemoryError: unable to allocate an array",
        frozenset(),
    )
    # Then its box is still there for the next time
    assert read_entry(world.boxes, PID) == living.entry
    living.close()


def test_a_memory_error_while_redis_is_away_is_kept_too(world):
    world.ledger.away = True

    assert world.undertaker.memory_ran_out("task", "") is None
    world.ledger.away = False
    world.undertaker.work()

    assert [mishap.detail for mishap in mishaps(world)] == ["MemoryError"]
