"""Five workers of unlike capability on this machine, and thirteen nights: `vedette why` and `vedette fleet` are right.

All five are real; models are small ones that claim to need more. The nights stand in the order in which they cost the
fleet something: the last ones break the largest worker.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import PIL.Image
import pytest
from click.testing import CliRunner

from contract.memory import GIB, MIB
from contract.model_spec import FILE_NAME, ModelSpec, read_spec
from contract.registry import serves
from producer import Client
from producer.why import Answer
from tests.support.cgroups import memory_cgroup
from tests.support.jobs import SubmittedJob
from tests.support.tiny_model import build_tiny_model
from tests.support.wait import wait_until
from tests.support.worker_process import WorkerProcess
from tests.support.yard import Yard, yard_in
from vedette import cli

pytestmark = [pytest.mark.lab, pytest.mark.integration]

V3: Final = ("--cpu", "x86_64_v3")
#: What a model needs that only the largest worker has: 2 GiB a slot.
ONLY_MEDIUM: Final = 1500 * MIB


@dataclass(frozen=True)
class Scene:
    yard: Yard
    client: Client
    workers: dict[str, WorkerProcess]
    models: dict[str, ModelSpec]

    def job(self, model: str, images: int = 2, **options: object) -> SubmittedJob:
        return self.yard.submit(self.models[model], self.yard.plain_images(images), **options)

    def why(self, job: SubmittedJob) -> Answer:
        return self.client.why(job.name)

    def node(self, worker: str) -> str:
        return self.workers[worker].node

    @contextmanager
    def at_work(self, images: int = 40) -> Iterator[SubmittedJob]:
        """The largest worker is at a long job, for as long as the block lasts."""
        job = self.job("slow", images, batch_size=1, task_images=images)
        wait_until(job.results, 90, that="the largest worker is at work")
        yield job
        self.yard.ledger.cancel_job(job.name)
        wait_until(lambda: self.yard.client.zcard("vedette:leases") == 0, 30, that="nobody is at work any more")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        yard = stack.enter_context(
            yard_in(tmp_path_factory.mktemp("five"), attempts_max=20, lease=timedelta(seconds=15))
        )
        models = {
            "tiny": yard.model("tiny"),
            "slow": yard.model("slow", call_s=0.5, base_bytes=ONLY_MEDIUM),
            "slow3": _with_cpu(yard, "slow3", "x86_64_v3", call_s=0.5, base_bytes=ONLY_MEDIUM),
            "greedy": yard.model("greedy", call_s=0.3, holds_mib=260, base_bytes=ONLY_MEDIUM),
            "huge": yard.model("huge", base_bytes=5 * GIB),
            "new": _with_cpu(yard, "new", "x86_64_v4"),
        }
        one = ("--slots", "1", "--threads", "1")
        machines = {
            "tiny": (1 * GIB, (*one, *V3)),
            "small": (1536 * MIB, (*one, *V3)),
            "old": (2 * GIB, (*one, "--memory", "1g", "--cpu", "x86_64_v2")),
            "wide": (4 * GIB, ("--slots", "2", "--threads", "1", "--memory", "3g", *V3)),
            "medium": (4 * GIB, (*one, "--memory", "3584m", *V3)),
        }
        workers = {}
        for name, (limit_bytes, options) in machines.items():
            machine = stack.enter_context(memory_cgroup(limit_bytes))
            workers[name] = stack.enter_context(yard.worker(name, *options, prefix=machine.prefix))
        medium = yard.advert(workers["medium"].node)
        if medium is None or not serves(medium, models["slow3"].needs):
            pytest.skip("this CPU has no AVX2: nobody here is an x86_64_v3")
        for name, queue in (("tiny", "detect.any.512m"), ("medium", "detect.any.2g")):
            yard.wait_until_listening(workers[name].node, queue)
        client = stack.enter_context(Client(settings=yard.settings))
        yield Scene(yard, client, workers, models)


def _with_cpu(yard: Yard, name: str, level: str, **options: object) -> ModelSpec:
    file = build_tiny_model(yard.store, name, **options) / FILE_NAME
    file.write_text(file.read_text() + f'\n[requirement]\ncpu = "{level}"\n')
    return read_spec(file)


def codes(answer: Answer) -> list[str]:
    return [reason.code for reason in answer.reasons]


def vedette(scene: Scene, *arguments: str) -> str:
    done = CliRunner().invoke(cli.vedette, ["--redis", scene.yard.settings.redis_url, *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_fleet_is_seen_as_it_is(scene):
    job = scene.job("huge")

    told = json.loads(vedette(scene, "fleet", "--json"))

    workers = {worker["node"].partition("@")[0]: worker for worker in told["workers"]}
    per_slot = {name: worker["capability"]["memory_per_slot_bytes"] for name, worker in workers.items()}
    assert per_slot["old"] == GIB
    assert per_slot["wide"] == 1536 * MIB
    assert per_slot["medium"] == 3584 * MIB
    assert 512 * MIB < per_slot["tiny"] < GIB <= per_slot["small"] < 1536 * MIB
    assert {name: worker["capability"]["slots"] for name, worker in workers.items()} == {
        **dict.fromkeys(("tiny", "small", "old", "medium"), 1),
        "wide": 2,
    }
    assert workers["old"]["capability"]["cpu_level"] == "x86_64_v2"
    queues = {queue["name"]: queue for queue in told["queues"]}
    assert (queues["detect.any.512m"]["workers"], queues["detect.any.512m"]["slots"]) == (5, 6)
    assert (queues["detect.any.2g"]["workers"], queues["detect.x86_64_v3.2g"]["workers"]) == (1, 1)
    assert queues[job.queue]["nobody"] == "needs 8 GiB of memory per slot, the largest worker has 3.5 GiB"
    scene.yard.ledger.cancel_job(job.name)


def test_1_it_needs_more_memory_than_there_is(scene):
    job = scene.job("huge")

    answer = scene.why(job)

    medium = scene.node("medium")
    assert codes(answer) == ["memory_short"]
    assert answer.headline.endswith(f"s: needs 8 GiB a slot, the largest worker has 3.5 GiB ({medium})")
    assert answer.headline.startswith("queued ")
    assert "no: lacks 8 GiB of memory per slot (has 3.5 GiB)" in vedette(scene, "why", job.name)


def test_2_it_needs_a_newer_cpu(scene):
    assert codes(scene.why(scene.job("new"))) == ["cpu_lacking"]
    assert scene.client.why("new").headline == (
        "needs CPU level x86_64_v4 (has x86_64_v3), which none of the 5 workers has"
    )


def test_3_it_runs(scene):
    with scene.at_work() as job:
        answer = scene.why(job)

        assert (codes(answer), answer.state) == (["running"], "running")
        assert f"{scene.node('medium')} has been at " in answer.headline


def test_4_and_5_who_fits_is_busy_and_others_come_first(scene):
    with scene.at_work() as first:
        second = scene.job("slow", 6)
        third = scene.job("slow3", 4)
        fourth = scene.job("slow", 4)

        answers = {job.name: wait_until(lambda j=job: _if_busy(scene.why(j))) for job in (second, third, fourth)}
        for job in (second, third, fourth):
            scene.yard.ledger.cancel_job(job.name)

    # Each waits for the one that fits, and is told with what it is busy
    busy = f"the slot of the only worker that fits is at work: {scene.node('medium')} with slow@1 of {first.name} for "
    assert all(busy in answer.headline for answer in answers.values())
    # And who comes later, behind what
    behind = {name: [r.text for r in answer.reasons if r.code == "behind"] for name, answer in answers.items()}
    assert behind[second.name] == behind[third.name] == []
    [told] = behind[fourth.name]
    assert told.startswith(f"behind 6 images in 1 task on {fourth.queue}, about ")
    assert told.endswith("images/s (in the last minute)")


def _if_busy(answer: Answer) -> Answer | None:
    """A worker says each half second that it is busy."""
    return answer if "busy" in codes(answer) else None


def test_6_a_version_that_nobody_has(scene):
    assert scene.client.why("slow@7").headline == "no worker's store has slow@7, but slow@1"
    assert codes(scene.client.why("slow@7")) == ["model_version"]


def test_7_images_that_fit_nowhere_are_dead_letters(scene):
    huge = scene.yard.images / "huge.png"
    PIL.Image.new("L", (20_000, 20_000)).save(huge, compress_level=9)
    job = scene.yard.submit(scene.models["tiny"], [*scene.yard.plain_images(3), huge])
    job.finished(120)

    answer = scene.why(job)

    assert codes(answer) == ["dead_letters", "done"]
    assert answer.headline.endswith(": 4 images, 1 of them failed")
    assert answer.reasons[0].details["codes"] == {"memory": 1}
    assert "needs 4." in answer.reasons[0].text
    assert answer.reasons[0].remedy.startswith("start a worker with more memory")
    # And its history tells of the other machines, on which it was tried before
    letter = json.loads(vedette(scene, "dead", "show", job.name, "huge.png", "--json"))
    assert [attempt["outcome"] for attempt in letter["history"]][-1].startswith("given up")
    assert {attempt["outcome"][:1] for attempt in letter["history"][:-1]} <= {"→"}


def test_8_redis_is_full(scene):
    with scene.at_work() as job:
        scene.yard.client.config_set("maxmemory", "1mb")
        try:
            answer = scene.why(job)
        finally:
            scene.yard.client.config_set("maxmemory", "0")

    assert codes(answer)[0] == "redis_full"
    assert "Redis is full: " in answer.headline


def test_9_and_10_it_is_too_much_at_once_and_that_is_learned(scene):
    # Given batches of 16 that take 4 GiB, on a worker of 3.5 GiB
    job = scene.job("greedy", 32, batch_size=16, task_images=32)

    answer = wait_until(lambda: _if(scene.why(job), "failing"), 120, that="a batch has failed")

    told = next(reason for reason in answer.reasons if reason.code == "failing")
    assert told.text.startswith(f"attempt 1 of at most 20, on {scene.node('medium')}, ended with memory (")
    assert told.text.endswith("; then: batch 16 → 8")
    [attempt] = answer.attempts
    assert (attempt.verdict, attempt.batch_size) == ("memory", 16)
    assert attempt.seconds is not None
    assert attempt.peak_bytes is not None
    assert attempt.peak_bytes > GIB
    # And the next job hears why its batches are smaller
    job.finished(240)
    again = scene.job("greedy", 16, batch_size=16, task_images=16)
    answer = wait_until(lambda: _if(scene.why(again), "running"), 60, that="the next job runs")
    assert "wants batches of 16; larger ones have failed for memory, so it gets 8 on workers of 3584m" in [
        reason.text for reason in answer.reasons
    ]
    assert all(result.ok for result in again.finished(240).values())


def _if(answer: Answer, code: str) -> Answer | None:
    return answer if code in codes(answer) else None


def test_11_who_fits_is_draining(scene):
    vedette(scene, "drain", "medium", "--force", "--wait", "--timeout", "60")
    job = scene.job("slow")

    answer = scene.why(job)

    medium = scene.node("medium")
    assert codes(answer) == ["draining"]
    assert answer.headline.endswith(f"{medium} fits, but is draining: nothing new is taken")
    assert answer.reasons[0].remedy.startswith(f"`vedette drain {medium} --undo`")
    told = json.loads(vedette(scene, "fleet", "--json"))
    assert [worker["node"] for worker in told["workers"] if worker["draining"]] == [medium]
    vedette(scene, "drain", "medium", "--undo")
    assert all(result.ok for result in job.finished(120).values())


def test_12_who_fits_has_withdrawn(scene):
    with scene.at_work() as job:
        [slot] = scene.workers["medium"].slots()
        slot.send_signal(signal.SIGILL)
        answer = wait_until(lambda: _if(scene.why(job), "withdrawn"), 60, that="it has withdrawn")

    assert f"{scene.node('medium')} would fit, but has withdrawn from {job.queue}: slow@1: SIGILL" in answer.headline
    assert [attempt.verdict for attempt in answer.attempts] == ["cpu"]


def test_13_who_fitted_is_gone(scene):
    medium = scene.workers["medium"]
    [slot] = wait_until(medium.slots, 60)
    slot.kill()
    medium.process.kill()
    wait_until(lambda: scene.yard.advert(medium.node) is None, 30, that="its advert is over")
    job = scene.job("slow3")

    answer = scene.why(job)

    assert codes(answer) == ["workers_gone", "memory_short"]
    assert f"{medium.node}, which could, was last seen " in answer.headline
    assert answer.headline.endswith("ago, and did not take its leave")
    assert [(past.node, past.left) for past in answer.gone if past.fitted] == [(medium.node, False)]
    assert f"{medium.node} fitted, and was last seen " in vedette(scene, "why", job.name)
