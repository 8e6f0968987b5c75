"""Facts → reasons, the most important first. Pure; a table tests it."""

from collections.abc import Mapping
from typing import Final

from contract.ledger.records import Verdict
from contract.memory import format_bytes
from contract.messages import VERSION
from producer.why.facts import Facts, JobFacts, QueueFacts, TaskFacts
from producer.why.fleet import newer_worker, of_queue
from producer.why.models import of_model, ready
from producer.why.reason import CODES, Code, Reason, by_importance
from producer.why.words import count, duration

__all__ = ["CODES", "Code", "Reason", "reasons"]

_LEAVES: Final = "handed back: the worker is leaving"
_HANDED_BACK: Final = "handed back: "

_REMEDY: Final[Mapping[Verdict, str]] = {
    "memory": "none while it gets smaller or moves; at the end, a worker with more memory",
    "cpu": "name the CPU level that the model needs in its model.toml",
    "crash": "none while it is being found which image does it; the worker's log has the signal",
    "lost": "look at that machine: power, network, `dmesg` for the kernel's killer",
    "timeout": "smaller tasks or batches, or a longer VEDETTE_TASK_TIMEOUT",
    "model": "look at the model: `vedette doctor MODEL` on a worker's machine",
    "image": "none: the image itself is at fault",
}
_DEAD_REMEDY: Final[Mapping[str, str]] = {
    "memory": "start a worker with more memory, or submit with --allow-degraded; then ",
    "cpu": "name the CPU level that the model needs, start a worker that has it; then ",
    "lost": "look why workers vanished; then ",
    "timeout": "a longer VEDETTE_TASK_TIMEOUT, or a faster worker; then ",
    "unreachable": "look whether the images' host answers; then ",
}


def reasons(facts: Facts) -> list[Reason]:
    """Why it waits, or what became of it. Never empty."""
    found = [*_redis(facts)]
    if facts.job is not None:
        found += _ended(facts, facts.job) if facts.job.state != "open" else _open(facts, facts.job)
    elif facts.submission is not None:
        found += _submission(facts)
    else:
        found += of_model(facts)
        own = facts.queues.values()
        found += [reason for queue in own for reason in of_queue(queue, facts)]
        if not found:
            found.append(ready(facts))
    return by_importance(found)


def _redis(facts: Facts) -> list[Reason]:
    redis = facts.redis
    if redis is None:
        return []
    if redis.replica:
        text = "this Redis is a replica, which takes no writes"
        return [Reason(code="redis_read_only", text=text, remedy="ask its master; behind Sentinel, use its address")]
    if redis.disk_trouble:
        remedy = "make room on its disk, and look into its log"
        return [Reason(code="redis_read_only", text=f"Redis takes no writes: {redis.disk_trouble}", remedy=remedy)]
    if redis.max_bytes and redis.used_bytes >= redis.max_bytes:
        return [
            Reason(
                code="redis_full",
                text=f"Redis is full: {format_bytes(redis.used_bytes)} of {format_bytes(redis.max_bytes)}, "
                "so nothing can be claimed or recorded",
                remedy="raise its `maxmemory`; uploads and results have lifetimes, VEDETTE_BLOB_LIFETIME and "
                "VEDETTE_RESULT_LIFETIME",
                details={"used_bytes": redis.used_bytes, "max_bytes": redis.max_bytes, "policy": redis.policy},
            )
        ]
    return []


def _submission(facts: Facts) -> list[Reason]:
    answer = facts.submission
    assert answer is not None
    if answer.state == "rejected":
        text = f"its submission was rejected ({answer.code}): {answer.message}"
        return [Reason(code="rejected", text=text, remedy="submit it again", details={"code": answer.code})]
    return [Reason(code="submitting", text="a worker is writing its tasks", remedy="look again in a moment")]


# Jobs that are over


def _ended(facts: Facts, job: JobFacts) -> list[Reason]:
    ago = f" {duration(facts.now_s - job.finished_s)} ago" if job.finished_s is not None else ""
    done = f"{job.succeeded + job.failed} of {job.total} images were done"
    if job.state == "cancelled":
        return [Reason(code="cancelled", text=f"cancelled{ago}; {done}", remedy="submit what is left as a new job")]
    letters = _dead(job)
    if job.state == "stopped":
        rate = f"{job.max_failure_rate:.0%}" if job.max_failure_rate is not None else "it may"
        text = f"stopped{ago}: {job.failed} of {job.total} images had failed, more than {rate}; {done}"
        remedy = f"look at `vedette dead list {job.job}`; `vedette dead retry {job.job}` lets all of it go on"
        return [Reason(code="stopped", text=text, remedy=remedy), *letters]
    failed = f", {job.failed} of them failed" if job.failed else ""
    return [Reason(code="done", text=f"done{ago}: {count(job.total, 'image')}{failed}"), *letters]


def _dead(job: JobFacts) -> list[Reason]:
    if not job.dead:
        return []
    codes = ", ".join(f"{code} {number}" for code, number in job.dead_codes.items())
    first = next(iter(job.dead_codes), "")
    return [
        Reason(
            code="dead_letters",
            text=f"{count(job.dead, 'image')} failed for another reason than the file"
            + (f" ({codes})" if codes else "")
            + (f": {job.dead_message}" if job.dead_message else ""),
            remedy=f"{_DEAD_REMEDY.get(first, f'`vedette dead show {job.job} IMAGE` tells what was tried; ')}"
            f"`vedette dead retry {job.job}`",
            details={"dead": job.dead, "codes": dict(job.dead_codes)},
        )
    ]


# Jobs that are not


def _open(facts: Facts, job: JobFacts) -> list[Reason]:
    if job.v > VERSION:
        return [newer_worker(f"it is of message version {job.v}, this Vedette reads {VERSION}"), *_dead(job)]
    found = [*_dead(job), *of_model(facts), *_unsealed(facts, job), *_batch_limited(facts, job)]
    for task in facts.tasks:
        found += _failing(task, facts)
    for task in facts.running:
        found += _running(task, facts)
    for name, first in _first_waiting(facts).items():
        found += of_queue(facts.queues.get(name, QueueFacts(name)), facts, first)
    if not found:
        found.append(Reason(code="soon", text="nothing of it waits or runs just now", remedy="look again in a moment"))
    return found


def _first_waiting(facts: Facts) -> dict[str, TaskFacts]:
    """Of each queue that something waits on, the task that comes first."""
    first: dict[str, TaskFacts] = {}
    for task in facts.waiting:
        other = first.get(task.queue)
        if other is None or (task.ahead if task.ahead is not None else 1e9) < (
            other.ahead if other.ahead is not None else 1e9
        ):
            first[task.queue] = task
    return first


def _unsealed(facts: Facts, job: JobFacts) -> list[Reason]:
    if job.sealed:
        return []
    nothing_left = not facts.tasks
    text = "its producer is still adding images" + (
        ", or has ended without saying that they are all: what there is, is done" if nothing_left else ""
    )
    remedy = f"if the producer is gone: `vedette cancel {job.job}`, and submit the rest" if nothing_left else ""
    return [Reason(code="unsealed", text=text, remedy=remedy)]


def _running(task: TaskFacts, facts: Facts) -> list[Reason]:
    since_s = facts.now_s - task.claimed_s if task.claimed_s is not None else 0.0
    if task.lease_until_s is not None and task.lease_until_s < facts.now_s:
        silent_s = facts.now_s - task.lease_until_s + facts.lease_s
        return [
            Reason(
                code="lease_over",
                text=f"{task.worker} has given no sign of life for {duration(silent_s)}",
                remedy="none: a worker puts it back within seconds, if one lives"
                if facts.workers
                else "start a worker: with none alive, nobody puts it back",
                details={"worker": task.worker, "task": task.task},
            )
        ]
    of_how_many = f", attempt {task.attempt}" if task.attempt > 1 else ""
    return [
        Reason(
            code="running",
            text=f"{task.worker} has been at {count(task.images, 'image')} of it for {duration(since_s)}{of_how_many}",
            details={"worker": task.worker, "task": task.task, "since_s": since_s, "attempt": task.attempt},
        )
    ]


def _failing(task: TaskFacts, facts: Facts) -> list[Reason]:
    """Of its latest attempt; what went wrong before that was made good."""
    if not task.attempts:
        return []
    last = task.attempts[-1]
    tried = f"attempt {last.attempt} of at most {facts.attempts_max}"
    details = {"task": task.task, "attempt": last.attempt, "worker": last.worker, "verdict": last.verdict}
    if last.verdict is not None:
        detail = f" ({last.detail})" if last.detail else ""
        text = f"{tried}, on {last.worker}, ended with {last.verdict}{detail}; then: {last.outcome}"
        return [Reason(code="failing", text=text, remedy=_REMEDY[last.verdict], details=details)]
    if last.outcome.startswith(_HANDED_BACK) and last.outcome != _LEAVES:
        text = f"{last.worker} could not have the model ({tried}): {last.outcome.removeprefix(_HANDED_BACK)}"
        remedy = "bring the model store back, or make room in the cache: it is tried again every ten seconds or so"
        return [Reason(code="model_away", text=text, remedy=remedy, details=details)]
    return []


def _batch_limited(facts: Facts, job: JobFacts) -> list[Reason]:
    limited = [known for known in facts.learned if 0 < known.limit < job.batch_size]
    if not limited:
        return []
    told = ", ".join(f"{known.limit} on workers of {known.worker_class}" for known in limited)
    return [
        Reason(
            code="batch_limited",
            text=f"wants batches of {job.batch_size}; larger ones have failed for memory, so it gets {told}",
            details={known.worker_class: {"limit": known.limit, "failed": known.failed} for known in limited},
        )
    ]
