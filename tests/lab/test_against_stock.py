"""Where plain Celery over Redis loses, repeats or dies, and Vedette does not. Each test shows both."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import Celery

from tests.lab.history import told
from tests.support.redis_server import free_port, redis_server
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT
from tests.support.yard import open_yard

pytestmark = [pytest.mark.lab, pytest.mark.integration]

ONE_SLOT = ("--memory", "2g", "--slots", "1", "--threads", "1")


@dataclass(frozen=True)
class Stock:
    """A worker of `tests.lab.stock_app`, and a producer's end of it."""

    process: "subprocess.Popen[bytes]"
    app: Celery
    diary: Path
    log_file: Path

    def send(self, task, *args):
        self.app.send_task(f"stock.{task}", args, queue="stock")

    def runs(self) -> list[str]:
        return self.diary.read_text().split()

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")


@contextmanager
def stock_worker(directory: Path, redis_url: str) -> Iterator[Stock]:
    diary, log_file = directory / "stock.diary", directory / "stock.log"
    diary.touch()
    with log_file.open("ab") as log:
        start = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tests.lab.stock_app", "worker", "-c", "2", "-l", "INFO"],
            cwd=ROOT,
            env={**os.environ, "STOCK_REDIS": redis_url, "STOCK_DIARY": str(diary)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    app = Celery("producer", broker=redis_url, set_as_current=False)
    stock = Stock(process, app, diary, log_file)
    try:
        wait_until(lambda: " ready." in stock.log[start:], 30, that="the stock worker is ready")
        yield stock
    finally:
        app.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def taken_and_frozen(process, messages, ring, queue_is_empty, is_done):
    """Freezes a worker that waits on its queue and rings for a message: Redis hands it over, and nobody looks at it.

    Which message that was: a worker between two looks at its queue is given time for that one, and the next is tried.
    """
    for message in messages:
        process.send_signal(signal.SIGSTOP)
        ring(message)
        with suppress(AssertionError):
            wait_until(queue_is_empty, 0.5)
            return message
        process.send_signal(signal.SIGCONT)
        wait_until(lambda message=message: is_done(message), 20)
    raise AssertionError(f"none of {len(messages)} messages was taken by the frozen worker")


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_memory_error_that_escapes(yard, tmp_path):
    # A task that raises one ends a stock worker, and waits for the next
    with stock_worker(tmp_path, yard.settings.redis_url) as stock:
        stock.send("exhaust", "image")
        assert wait_until(lambda: stock.process.poll() is not None and stock.process.returncode, 20)
    with stock_worker(tmp_path, yard.settings.redis_url) as stock:
        assert wait_until(lambda: stock.process.poll() is not None and stock.process.returncode, 20)
    assert stock.runs() == ["image", "image"]

    # Ours, with one that escapes and more from the model, goes on in the same slot and shrinks
    tiny = yard.model("tiny")
    with yard.worker("ours", *ONE_SLOT, "-I", "tests.lab.exhausted_hook") as ours:
        slots = [slot.pid for slot in ours.slots()]
        job = yard.submit(tiny, yard.plain_images(8), batch_size=8)
        results = job.finished(20)
        assert all(result.ok for result in results.values())
        assert told(job) == ["memory: put back unchanged", "memory: batch 8 → 4", "memory: batch 4 → 2"], ours.log
        assert ours.process.poll() is None
        assert [slot.pid for slot in ours.slots()] == slots


def test_a_restart_of_redis_under_a_busy_worker(tmp_path):
    ours_directory, port = tmp_path / "ours", free_port()
    ours_directory.mkdir()
    with ExitStack() as redis:
        url = redis.enter_context(redis_server(tmp_path, port=port, append_only=True))
        with open_yard(ours_directory, url) as yard, stock_worker(tmp_path, url) as stock:
            slow = yard.model("slow", call_s=0.25)
            with yard.worker("ours", *ONE_SLOT) as ours:
                # Given both at work
                stock.send("run", "image", 4)
                job = yard.submit(slow, yard.plain_images(12), batch_size=1)
                wait_until(lambda: stock.runs() and job.results(), 20, that="both are at work")

                # When Redis is restarted, with its append-only file
                redis.close()
                redis.enter_context(redis_server(tmp_path, port=port, append_only=True))

                # Then the stock worker ends, or runs its task a second time
                wait_until(
                    lambda: stock.process.poll() is not None or stock.runs() == ["image", "image"],
                    15,
                    that="the stock worker fails",
                )
                # And ours does every image once, in one attempt
                results = job.finished(20)
                assert sorted(results) == list(range(12))
                assert all(result.ok and result.attempts == 1 for result in results.values())
                assert told(job) == []
                assert ours.process.poll() is None


def test_a_message_that_was_popped_by_a_worker_that_froze_and_was_killed(yard, tmp_path):
    # Stock: it is in no list and in no hash, and no worker will ever do it
    with stock_worker(tmp_path, yard.settings.redis_url) as stock:
        lost = taken_and_frozen(
            stock.process,
            ["first", "second", "third"],
            ring=lambda name: stock.send("run", name),
            queue_is_empty=lambda: yard.client.llen("stock") == 0,
            is_done=lambda name: name in stock.runs(),
        )
        kill(stock.process)
    assert yard.client.llen("stock") == yard.client.hlen("unacked") == 0
    with stock_worker(tmp_path, yard.settings.redis_url) as stock:
        stock.send("run", "later")
        wait_until(lambda: "later" in stock.runs(), that="the next stock worker is at work")
        assert lost not in stock.runs()

    # Ours: the bell is rung again, and another worker does what it was about
    tiny = yard.model("tiny")
    with yard.worker("frozen", *ONE_SLOT) as frozen:
        warm_up = yard.submit(tiny, yard.plain_images(1))
        warm_up.finished()
        queue = warm_up.queue
        job = taken_and_frozen(
            frozen.process,
            [yard.add(tiny, yard.plain_images(4)) for _ in range(3)],
            ring=lambda job: job.ring(),
            queue_is_empty=lambda: yard.client.llen(queue) == 0,
            is_done=lambda job: job.status().ended,
        )
        kill(frozen.process)
        with yard.worker("other", *ONE_SLOT):
            results = job.finished(20)
    assert all(result.ok for result in results.values())
    assert told(job) == []
