"""What Celery's request tells the undertaker, without a worker around it."""

from types import SimpleNamespace

import pytest
from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import Terminated, WorkerLostError
from celery.worker.request import Request

from workers import request as module
from workers.request import DoorbellRequest

LOST = "Worker exited prematurely: signal 9 (SIGKILL) Job: 3."


class Told(DoorbellRequest):
    """A request whose message, events and bookkeeping are written down."""

    def __init__(self, steps):
        self._steps = steps
        self._request_dict = {"id": "task"}

    id = "task"
    worker_pid = 4001

    def acknowledge(self):
        self._steps.append(("acknowledged",))

    def send_event(self, kind, **fields):
        self._steps.append((kind, fields["exception"]))


@pytest.fixture
def world(monkeypatch):
    told = SimpleNamespace(steps=[], settled=None, celerys=[])

    def answer(*call):
        told.steps.append(call)
        return told.settled

    undertaker = SimpleNamespace(
        slot_died=lambda *given: answer("slot_died", *given),
        memory_ran_out=lambda *given: answer("memory_ran_out", *given),
    )
    monkeypatch.setattr(module, "undertaker", lambda: undertaker)
    monkeypatch.setattr(module, "task_ready", lambda _request: told.steps.append(("ready",)))
    monkeypatch.setattr(Request, "on_failure", lambda _self, *given: told.celerys.append(given))
    told.request = Told(told.steps)
    return told


def failed(error):
    return SimpleNamespace(exception=error)


def settled(text, *, put_back):
    return SimpleNamespace(text=text, put_back=put_back)


def test_a_lost_slot_goes_to_the_undertaker_and_shows_as_a_retry(world):
    world.settled = settled("batch 8 → 4 (memory: SIGKILL by the kernel)", put_back=True)

    world.request.on_failure(failed(WorkerLostError(LOST)))

    assert world.steps == [
        ("ready",),
        ("acknowledged",),
        ("slot_died", "task", 4001, LOST),
        ("task-retried", "batch 8 → 4 (memory: SIGKILL by the kernel)"),
    ]
    assert world.celerys == []


def test_a_task_that_is_given_up_shows_as_failed(world):
    world.settled = settled("given up after 20 attempts (crash: SIGSEGV)", put_back=False)

    world.request.on_failure(failed(WorkerLostError(LOST)))

    assert world.steps[-1] == ("task-failed", "given up after 20 attempts (crash: SIGSEGV)")


def test_what_is_not_settled_yet_shows_as_failed_with_what_celery_said(world):
    world.request.on_failure(failed(WorkerLostError(LOST)))

    kind, text = world.steps[-1]
    assert kind == "task-failed"
    assert LOST in text


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_memory_error_that_escaped_goes_there_too_and_is_not_raised_again(world, wrapped):
    error = MemoryError("unable to allocate an array")
    world.settled = settled("put back unchanged (memory: MemoryError)", put_back=True)

    world.request.on_failure(failed(ExceptionWithTraceback(error, "") if wrapped else error))

    assert world.steps == [
        ("ready",),
        ("acknowledged",),
        ("memory_ran_out", "task", "unable to allocate an array"),
        ("task-retried", "put back unchanged (memory: MemoryError)"),
    ]
    assert world.celerys == []


@pytest.mark.parametrize("error", [ValueError("a bug"), Terminated(15), SystemExit(3)])
def test_all_else_is_celerys_business(world, error):
    info = failed(error)

    world.request.on_failure(info, False, True)

    assert world.celerys == [(info, False, True)]
    assert world.steps == []
