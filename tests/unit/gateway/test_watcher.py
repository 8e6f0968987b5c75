"""Many who wait, and one who looks."""

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from contract.errors import RedisUnreachable
from producer.errors import RedisRefused
from producer.gateway.watcher import Watcher


class Played:
    """The states of jobs, how often somebody looked, and for which of them somebody waits to be told."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.looks: list[int] = []
        self.away = False
        self.told: list[str] = []
        self.first = threading.Event()

    def __call__(self, jobs: Sequence[str]) -> Mapping[str, str | None]:
        self.looks.append(len(jobs))
        if self.away:
            raise RedisUnreachable("no Redis")
        return {job: self.states.get(job) for job in jobs}

    def has_result(self, job: str, at_most_s: float) -> bool:
        self.told.append(job)
        return self.first.wait(at_most_s)


def test_all_are_looked_at_together_and_told_when_they_end() -> None:
    played = Played()
    played.states = {f"job-{number}": "open" for number in range(100)}

    async def scenario() -> list[bool]:
        watcher = Watcher(played, played.has_result, pause_s=0.01)
        waiting = [asyncio.create_task(watcher.ended(job, 5)) for job in played.states]
        await asyncio.sleep(0.1)
        played.states = dict.fromkeys(played.states, "done")
        return await asyncio.gather(*waiting)

    assert asyncio.run(scenario()) == [True] * 100
    assert max(played.looks) == 100
    assert len(played.looks) < 50


def test_a_job_that_goes_on_is_waited_for_again() -> None:
    played = Played()
    played.states = {"job-1": "open"}

    async def scenario() -> list[bool]:
        watcher = Watcher(played, played.has_result, pause_s=0.01)
        told = [await watcher.ended("job-1", 0.05)]
        played.states["job-1"] = "cancelled"
        return [*told, await watcher.ended("job-1", 5)]

    assert asyncio.run(scenario()) == [False, True]


def test_a_job_that_nobody_waits_for_is_not_looked_at() -> None:
    played = Played()
    played.states = {"job-1": "open"}

    async def scenario() -> int:
        watcher = Watcher(played, played.has_result, pause_s=0.01)
        await watcher.ended("job-1", 0.05)
        watcher.forget("job-1")
        await asyncio.sleep(0.05)
        looks = len(played.looks)
        await asyncio.sleep(0.1)
        return len(played.looks) - looks

    assert asyncio.run(scenario()) == 0


def test_when_redis_is_away_all_are_told_and_the_next_one_is_looked_at_again() -> None:
    played = Played()

    async def scenario() -> bool:
        watcher = Watcher(played, played.has_result, pause_s=0.01)
        played.away = True
        with pytest.raises(RedisUnreachable):
            await watcher.ended("job-1", 5)
        played.away = False
        return await watcher.ended("job-1", 5)

    assert asyncio.run(scenario()) is True


def test_the_first_result_brings_the_next_look_forward() -> None:
    played = Played()
    played.states = {f"job-{number}": "open" for number in range(40)}

    async def scenario() -> list[bool]:
        watcher = Watcher(played, played.has_result, pause_s=60)
        waiting = [asyncio.create_task(watcher.ended(job, 30)) for job in played.states]
        while len(set(played.told)) < 16 or not played.looks:
            await asyncio.sleep(0.01)
        played.states = dict.fromkeys(played.states, "done")
        played.first.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(scenario()) == [True] * 40
    assert len(set(played.told)) == 16, "of the others nobody is told; the look is for all"


def test_where_redis_does_not_tell_it_is_looked() -> None:
    played = Played()
    played.states = {"job-1": "open"}

    def refused(_job: str, _at_most_s: float) -> bool:
        raise RedisRefused("NOPERM")

    async def scenario() -> bool:
        watcher = Watcher(played, refused, pause_s=0.01)
        waiting = asyncio.create_task(watcher.ended("job-1", 5))
        while len(played.looks) < 3:
            await asyncio.sleep(0.01)
        played.states["job-1"] = "done"
        return await waiting

    assert asyncio.run(scenario()) is True
