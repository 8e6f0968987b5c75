"""A hundred thousand references: the producer's memory stays as it is, and results come while images still go."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from contract.registry import Registry
from contract.settings import Settings
from producer import Client
from tests.support.builders import advert, spec
from tests.support.quick_worker import QUEUE, working

pytestmark = pytest.mark.integration

COUNT = 100_000
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def fleet(registry: Registry) -> None:
    registry.publish_model(spec())
    registry.publish_advert(advert(memory="2g"))


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_long_submission_takes_little_memory_and_its_results_come_meanwhile(settings: Settings) -> None:
    with working(settings):
        report = json.loads(run("-m", "tests.support.long_submission", settings.redis_url, str(COUNT)))

    assert report["total"] == report["read"] == COUNT
    assert report["read_while_submitting"] > COUNT // 10
    assert report["grown_bytes"] < 16 << 20, (
        "a hundred thousand references alone are 9 MB as text, ten times as objects"
    )


def test_a_job_is_found_again_by_another_process(settings: Settings, redis_client: redis.Redis) -> None:
    # Given a job whose submitter is gone
    submit = (
        "import sys; from producer import Client; "
        "print(Client(sys.argv[1]).submit(['a.jpg', 'b.jpg'], model='defects-small').id)"
    )
    job = run("-c", submit, settings.redis_url).strip()
    assert redis_client.llen(QUEUE) == 1

    # When others find it by its id, before and after it is done
    with Client(settings=settings) as client:
        assert client.job(job).status().done == 0
        with working(settings):
            seen = [result.image for result in client.job(job).results(timeout=20)]

    # Then they read what there is, with either client
    read = (
        "import asyncio, sys\n"
        "from producer import AsyncClient\n"
        "async def main():\n"
        "    async with AsyncClient(sys.argv[1]) as client:\n"
        "        job = await client.job(sys.argv[2])\n"
        "        print(*[result.image async for result in job.results()])\n"
        "asyncio.run(main())\n"
    )
    assert run("-c", read, settings.redis_url, job).split() == seen == ["a.jpg", "b.jpg"]
