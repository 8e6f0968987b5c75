"""Facts → reasons, as a table: each code has a case, each case its sentence, and the most important comes first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contract.ledger import Attempt
from contract.memory import GIB, MIB
from contract.submit_message import Submission
from contract.vitals import Vitals
from producer.why import Facts, answer, reasons
from producer.why.facts import (
    Gone,
    JobFacts,
    LearnedFacts,
    QueueFacts,
    RedisFacts,
    Running,
    TaskFacts,
    Worker,
)
from producer.why.reason import CODES
from tests.support.builders import DIGEST, MODEL, advert, spec

NOW_S = datetime(2026, 11, 24, 3, 0, tzinfo=UTC).timestamp()
QUEUE, LARGE, V4 = "detect.any.512m", "detect.any.8g", "detect.x86_64_v4.512m"
AMX = "detect.x86_64_v3.512m+amx_bf16"


def job(**fields: Any) -> JobFacts:
    """Four minutes old, of 64 images, of which 12 are done."""
    told = {
        "job": "job-1",
        "state": "open",
        "sealed": True,
        "queue": QUEUE,
        "total": 64,
        "succeeded": 12,
        "failed": 0,
        "created_s": NOW_S - 240,
        "model": MODEL,
        "digest": DIGEST,
        "batch_size": 16,
    }
    return JobFacts(**{**told, **fields})


def waits(queue: str = QUEUE, **fields: Any) -> TaskFacts:
    told = {"state": "queued", "batch_size": 16, "attempt": 0, "images": 32, "rung_s": NOW_S - 1, "ahead": 0}
    return TaskFacts(task="task-1", queue=queue, **{**told, **fields})


def runs(**fields: Any) -> TaskFacts:
    told = {"attempt": 1, "worker": "small@yard", "claimed_s": NOW_S - 12, "lease_until_s": NOW_S + 9}
    return waits(state="running", rung_s=None, ahead=None, **{**told, **fields})


def works(node: str = "small@yard", busy: int = 0, queues: tuple[str, ...] = (QUEUE,), **fields: Any) -> Worker:
    more = {name: fields.pop(name) for name in ("draining", "withdrawn") if name in fields}
    rates = fields.pop("images_per_s", {})
    at = fields.pop("at", ())
    there = advert(node, queues=queues, **fields).model_copy(update=more)
    return Worker(there, Vitals(node=node, slots_busy=busy, images_per_s=rates), at)


def attempt(**fields: Any) -> Attempt:
    told = {"attempt": 2, "worker": "small@yard", "batch_size": 16, "ended": datetime(2026, 11, 24, 2, 58, tzinfo=UTC)}
    return Attempt(**{**told, **fields})


def facts(*tasks: TaskFacts, **fields: Any) -> Facts:
    """Of `job-1`, whose tasks are these; its queue is not longer than they are."""
    told = {
        "kind": "job",
        "name": "job-1",
        "model_ref": MODEL,
        "model": spec(),
        "model_seen_s": NOW_S - 1,
        "versions": [MODEL],
        "models": [MODEL],
        "job": job(),
        "tasks": tasks,
        "tasks_total": 2,
        "workers": [works()],
        "queues": {name: QueueFacts(name, tasks=1, images=32, bells=1) for name in {task.queue for task in tasks}},
    }
    return Facts(now_s=NOW_S, **{**told, **fields})


def of_model(**fields: Any) -> Facts:
    return facts(kind="model", name=MODEL, job=None, queues={QUEUE: QueueFacts(QUEUE)}, **fields)


BUSY = works(busy=1, at=[Running("task-9", "job-7", QUEUE, "small@yard", NOW_S - 90, NOW_S + 9, "defects@2")])
GONE = Gone(advert("big@yard", memory="9g"), NOW_S - 600, left=False)
LEFT = Gone(advert("big@yard", memory="9g"), NOW_S - 600, left=True)

TABLE: list[tuple[str, Facts, list[str], str]] = [
    # What nobody can do
    (
        "memory",
        facts(waits(LARGE), workers=[works(memory="3.5g"), works("tiny@yard", memory="600m")]),
        ["memory_short"],
        "queued 4 min: needs 8 GiB a slot, the largest worker has 3.5 GiB (small@yard)",
    ),
    (
        "memory, of those with the right CPU",
        facts(
            waits("detect.x86_64_v4.8g"),
            workers=[
                works(memory="3.5g", cpu_level="x86_64_v4"),
                works("old@yard", memory="9g", cpu_level="x86_64_v2"),
            ],
        ),
        ["memory_short"],
        "queued 4 min: needs 8 GiB a slot, the largest worker with the right CPU has 3.5 GiB (small@yard)",
    ),
    (
        "CPU level",
        facts(waits(V4)),
        ["cpu_lacking"],
        "queued 4 min: needs CPU level x86_64_v4 (has x86_64_v3), which the only worker lacks",
    ),
    (
        "CPU feature, and not memory too",
        facts(waits(AMX), workers=[works(memory="400m")]),
        ["cpu_lacking"],
        "queued 4 min: needs CPU feature amx_bf16, which the only worker lacks",
    ),
    ("nobody", facts(waits(), workers=[]), ["no_worker"], "queued 4 min: no worker is alive"),
    (
        "nobody any more",
        facts(waits(), workers=[], gone=[GONE]),
        ["no_worker", "workers_gone"],
        "queued 4 min: no worker is alive; the last one, big@yard, was last seen 10 min ago, "
        "and did not take its leave",
    ),
    (
        "the one that could is gone",
        facts(waits(LARGE), gone=[GONE]),
        ["workers_gone", "memory_short"],
        "queued 4 min: big@yard, which could, was last seen 10 min ago, and did not take its leave",
    ),
    (
        "the ones that could have left",
        facts(waits(LARGE), gone=[LEFT, Gone(advert("huge@yard", memory="99g"), NOW_S - 7200, left=True)]),
        ["workers_gone", "memory_short"],
        "queued 4 min: big@yard, which could, left 10 min ago; 1 other that could is gone, too",
    ),
    (
        "draining",
        facts(waits(), workers=[works(draining=True, queues=()), works("tiny@yard", memory="400m")]),
        ["draining"],
        "queued 4 min: small@yard fits, but is draining: nothing new is taken",
    ),
    (
        "withdrawn",
        facts(waits(), workers=[works(withdrawn={QUEUE: "defects@1: SIGILL"}, queues=())]),
        ["withdrawn"],
        f"queued 4 min: small@yard would fit, but has withdrawn from {QUEUE}: defects@1: SIGILL",
    ),
    (
        "a queue of a newer Vedette",
        facts(waits("detect2.any.1g")),
        ["newer_worker"],
        "queued 4 min: its queue detect2.any.1g is of a newer Vedette; it waits for a worker of that version",
    ),
    (
        "a job of a newer Vedette",
        facts(waits(), job=job(v=2, model="", digest="", batch_size=0)),
        ["newer_worker"],
        "queued 4 min: it is of message version 2, this Vedette reads 1; it waits for a worker of that version",
    ),
    (
        "a model that nobody has had for a month",
        facts(waits(), model=None, versions=[], models=["ssd@1"]),
        ["model_unknown", "soon"],
        f"queued 4 min: no worker's store has {MODEL}; known are ssd@1",
    ),
    (
        "another version",
        facts(waits(), model=None, versions=["defects-small@2", "defects-small@3"]),
        ["model_version", "soon"],
        f"queued 4 min: no worker's store has {MODEL}, but defects-small@2, defects-small@3",
    ),
    (
        "a model that only the dead had",
        facts(waits(), model_seen_s=NOW_S - 10_800),
        ["model_unseen", "soon"],
        f"queued 4 min: no live worker has {MODEL} in its store; one last had 3 h ago",
    ),
    (
        "another model under its name",
        facts(waits(), job=job(digest="sha256:" + "1" * 64)),
        ["model_changed", "soon"],
        f"queued 4 min: {MODEL} in the workers' stores is no longer what it was when the job was submitted",
    ),
    # What takes its time
    (
        "busy",
        facts(waits(), workers=[BUSY, works("tiny@yard", memory="400m")]),
        ["busy"],
        "queued 4 min: the slot of the only worker that fits is at work: small@yard with defects@2 of job-7 for 90 s",
    ),
    (
        "busy, and others come first",
        facts(
            waits(ahead=50),
            workers=[works(busy=1, images_per_s={MODEL: 2.0, "other@1": 3.0})],
            queues={QUEUE: QueueFacts(QUEUE, tasks=100, images=3000, bells=100)},
        ),
        ["busy", "behind"],
        "queued 4 min: the slot of the only worker that fits is at work",
    ),
    (
        "it joins",
        facts(waits(), workers=[works(queues=())]),
        ["joining"],
        f"queued 4 min: small@yard fits and will listen to {QUEUE} within 4 s",
    ),
    (
        "at once",
        facts(waits(), job=job(created_s=NOW_S - 1)),
        ["soon"],
        "queued 1 s: small@yard has a free slot and will take it in a moment",
    ),
    (
        "no bell",
        facts(waits(rung_s=NOW_S - 8), queues={QUEUE: QueueFacts(QUEUE, tasks=1, images=32, bells=0)}),
        ["doorbell_lost"],
        f"queued 4 min: its message on {QUEUE} is lost; small@yard would take it",
    ),
    (
        "running",
        facts(runs(attempt=3)),
        ["running"],
        "running, 12 of 64 images done: small@yard has been at 32 images of it for 12 s, attempt 3",
    ),
    (
        "running, and the rest cannot",
        facts(runs(), waits(LARGE)),
        ["memory_short", "running"],
        "running, 12 of 64 images done: small@yard has been at 32 images of it for 12 s; "
        "needs 8 GiB a slot, the largest worker has 2.0 GiB (small@yard)",
    ),
    (
        "no sign of life",
        facts(runs(lease_until_s=NOW_S - 5), workers=[]),
        ["lease_over"],
        "queued 4 min: small@yard has given no sign of life for 20 s",
    ),
    (
        "failing",
        facts(waits(attempts=[attempt(verdict="memory", detail="guard, 1.9 of 2.0 GiB", outcome="batch 16 → 8")])),
        ["failing", "soon"],
        "queued 4 min: attempt 2 of at most 20, on small@yard, ended with memory (guard, 1.9 of 2.0 GiB); "
        "then: batch 16 → 8",
    ),
    (
        "the store is away",
        facts(waits(attempts=[attempt(outcome="handed back: defects@1 cannot be had from the model store now")])),
        ["model_away", "soon"],
        "queued 4 min: small@yard could not have the model (attempt 2 of at most 20): "
        "defects@1 cannot be had from the model store now",
    ),
    (
        "handed back by one that left",
        facts(waits(attempts=[attempt(outcome="handed back: the worker is leaving")])),
        ["soon"],
        "queued 4 min: small@yard has a free slot and will take it in a moment",
    ),
    (
        "smaller batches",
        facts(runs(), learned=[LearnedFacts("1792m", 4, 8), LearnedFacts("8192m", 0, 0), LearnedFacts("9216m", 16, 0)]),
        ["running", "batch_limited"],
        "running, 12 of 64 images done: small@yard has been at 32 images of it for 12 s; "
        "wants batches of 16; larger ones have failed for memory, so it gets 4 on workers of 1792m",
    ),
    (
        "the producer is not done",
        facts(job=job(sealed=False, succeeded=64), tasks_done=2),
        ["unsealed"],
        "queued 4 min: its producer is still adding images, or has ended without saying that they are all: "
        "what there is, is done",
    ),
    # Redis
    (
        "full",
        facts(waits(), redis=RedisFacts(used_bytes=GIB, max_bytes=GIB)),
        ["redis_full", "soon"],
        "queued 4 min: Redis is full: 1.0 GiB of 1.0 GiB, so nothing can be claimed or recorded",
    ),
    (
        "its disk is",
        facts(waits(), redis=RedisFacts(disk_trouble="its append-only file cannot be written")),
        ["redis_read_only", "soon"],
        "queued 4 min: Redis takes no writes: its append-only file cannot be written",
    ),
    (
        "a replica",
        facts(waits(), redis=RedisFacts(replica=True, used_bytes=GIB, max_bytes=2 * GIB)),
        ["redis_read_only", "soon"],
        "queued 4 min: this Redis is a replica, which takes no writes",
    ),
    # What is over
    (
        "done",
        facts(job=job(state="done", succeeded=62, failed=2, finished_s=NOW_S - 300)),
        ["done"],
        "done 5 min ago: 64 images, 2 of them failed",
    ),
    (
        "done, with dead letters",
        facts(
            job=job(
                state="done",
                succeeded=61,
                failed=3,
                finished_s=NOW_S - 300,
                dead=3,
                dead_codes={"memory": 2, "crash": 1},
                dead_message="needs 4.5 GiB, 0.9 GiB available",
            )
        ),
        ["dead_letters", "done"],
        "done 5 min ago: 64 images, 3 of them failed",
    ),
    (
        "cancelled",
        facts(job=job(state="cancelled", finished_s=NOW_S - 7200)),
        ["cancelled"],
        "cancelled 2 h ago; 12 of 64 images were done",
    ),
    (
        "stopped",
        facts(job=job(state="stopped", succeeded=10, failed=15, finished_s=NOW_S - 60, max_failure_rate=0.2)),
        ["stopped"],
        "stopped 60 s ago: 15 of 64 images had failed, more than 20%; 25 of 64 images were done",
    ),
    (
        "rejected",
        facts(job=None, submission=Submission(state="rejected", id="x", code="model_unknown", message="no such model")),
        ["rejected"],
        "its submission was rejected (model_unknown): no such model",
    ),
    (
        "being submitted",
        facts(job=None, submission=Submission(state="begun", id="x")),
        ["submitting"],
        "a worker is writing its tasks",
    ),
    # Models
    ("a model that can run", of_model(), ["ready"], "1 worker can run it, with 1 of 1 slot free; nothing waits"),
    (
        "a model with work",
        facts(kind="model", name=MODEL, job=None, queues={QUEUE: QueueFacts(QUEUE, tasks=2, images=40)}),
        ["ready"],
        f"1 worker can run it, with 1 of 1 slot free; 40 images on {QUEUE} wait",
    ),
    (
        "a model that nobody can run",
        of_model(workers=[works(memory="256m")]),
        ["memory_short"],
        "needs 512 MiB a slot, the largest worker has 256 MiB (small@yard)",
    ),
    (
        "a model that there is not",
        facts(kind="model", name="ssd@9", model_ref="ssd@9", model=None, versions=[], job=None),
        ["model_unknown"],
        f"no worker's store has ssd@9; known are {MODEL}",
    ),
]


@pytest.mark.parametrize(("told", "codes", "headline"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_reason_and_its_sentence(told: Facts, codes: list[str], headline: str) -> None:
    said = answer(told)

    assert [reason.code for reason in said.reasons] == codes
    assert said.headline == headline
    assert said.model_dump_json()


def test_every_code_has_a_case_and_says_what_to_do_where_something_is_to_be_done() -> None:
    found = [reason for _, told, _, _ in TABLE for reason in reasons(told)]

    assert {reason.code for reason in found} == set(CODES)
    idle = {"done", "busy", "behind", "running", "soon", "joining", "batch_limited", "unsealed", "ready"}
    assert {reason.code for reason in found if not reason.remedy} <= idle


def test_what_comes_first_on_the_queue_is_told_with_a_time_where_a_rate_is_known() -> None:
    queue = {QUEUE: QueueFacts(QUEUE, tasks=100, images=3000, bells=100)}
    lately = works(busy=1, images_per_s={MODEL: 2.0, "other@1": 3.0})
    profiled = spec(throughput={"default_batch": 8, "images_per_s": {"1": 2, "8": 10}})

    def behind(**fields: Any) -> str:
        return next(
            reason.text for reason in reasons(facts(waits(ahead=50), queues=queue, **fields)) if reason.code == "behind"
        )

    start = f"behind 1,500 images in 50 tasks on {QUEUE}"
    assert behind(workers=[works(busy=1)]) == start
    assert behind(workers=[lately]) == f"{start}, about 5 min at 5 images/s (in the last minute)"
    assert behind(workers=[works(busy=1)], model=profiled) == (
        f"{start}, about 2 min at 10 images/s (by the model's profile)"
    )


def test_a_worker_of_an_older_vedette_is_as_busy_as_the_leases_say() -> None:
    old = Worker(advert(queues=[QUEUE]), None, BUSY.running)

    assert [reason.code for reason in reasons(facts(waits(), workers=[old]))] == ["busy"]


def test_who_may_not_know_of_other_jobs_is_not_told_their_names() -> None:
    own = Running("task-1", "job-1", QUEUE, "small@yard", NOW_S - 9, NOW_S + 9, MODEL)
    both = works(busy=2, slots=2, at=[*BUSY.running, own])

    said = answer(facts(waits(), workers=[both]).discreet())

    assert f"small@yard with defects@2 for 90 s, {MODEL} of job-1 for 9 s" in said.headline
    assert [(at.job, at.task) for at in said.workers[0].at] == [("", ""), ("job-1", "task-1")]
    assert "job-7" not in said.model_dump_json()


def test_the_answer_has_the_facts() -> None:
    failed = attempt(verdict="memory", seconds=4.25, peak_bytes=300 * MIB, outcome="batch 16 → 8")
    told = facts(
        waits(LARGE, attempts=[failed]),
        runs(),
        workers=[BUSY, works("tiny@yard", memory="400m", draining=True)],
        gone=[GONE],
    )

    said = answer(told)

    assert (said.state, said.job, said.model) == ("running", "job-1", MODEL)
    assert said.since == datetime.fromtimestamp(NOW_S, tz=UTC) - timedelta(seconds=12)
    assert said.images is not None
    assert (said.images.total, said.images.succeeded, said.images.left) == (64, 12, 52)
    assert said.tasks is not None
    assert (said.tasks.running, said.tasks.waiting) == (1, 1)
    small, tiny = said.workers
    assert (small.fits, small.why_not) == (False, "lacks 8 GiB of memory per slot (has 2.0 GiB)")
    assert [(at.job, at.model) for at in small.at] == [("job-7", "defects@2")]
    assert (tiny.draining, tiny.fits) == (True, False)
    assert [(past.node, past.fitted, past.left) for past in said.gone] == [("big@yard", True, False)]
    [tried] = said.attempts
    assert (tried.verdict, tried.seconds, tried.peak_bytes, tried.task) == ("memory", 4.25, 300 * MIB, "task-1")


def test_a_worker_that_was_drained_before_it_left_fitted() -> None:
    drained = advert("big@yard", memory="9g").model_copy(update={"draining": True})
    told = facts(waits(LARGE), gone=[Gone(drained, NOW_S - 600, left=True)])

    assert reasons(told)[0].code == "workers_gone"
    assert [past.fitted for past in answer(told).gone] == [True]
