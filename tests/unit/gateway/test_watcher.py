"""Many who wait, and one who looks."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from contract.errors import RedisUnreachable
from producer.gateway.watcher import Watcher


class Played:
    """The states of jobs, and how often somebody looked."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.looks: list[int] = []
        self.away = False

    def __call__(self, jobs: Sequence[str]) -> Mapping[str, str | None]:
        self.looks.append(len(jobs))
        if self.away:
            raise RedisUnreachable("no Redis")
        return {job: self.states.get(job) for job in jobs}


def test_all_are_looked_at_together_and_told_when_they_end() -> None:
    played = Played()
    played.states = {f"job-{number}": "open" for number in range(100)}

    async def scenario() -> list[bool]:
        watcher = Watcher(played, pause_s=0.01)
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
        watcher = Watcher(played, pause_s=0.01)
        told = [await watcher.ended("job-1", 0.05)]
        played.states["job-1"] = "cancelled"
        return [*told, await watcher.ended("job-1", 5)]

    assert asyncio.run(scenario()) == [False, True]


def test_a_job_that_nobody_waits_for_is_not_looked_at() -> None:
    played = Played()
    played.states = {"job-1": "open"}

    async def scenario() -> int:
        watcher = Watcher(played, pause_s=0.01)
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
        watcher = Watcher(played, pause_s=0.01)
        played.away = True
        with pytest.raises(RedisUnreachable):
            await watcher.ended("job-1", 5)
        played.away = False
        return await watcher.ended("job-1", 5)

    assert asyncio.run(scenario()) is True
