"""Reads the facts: a fixed number of round trips, whatever the size of job and fleet. The only I/O of `why`.

Of a job with very many tasks the last ones are looked at, for they wait longest; of many running tasks in the fleet as
many as there are places for. Nothing is written.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import redis

from contract import keys
from contract.capability import worker_class
from contract.errors import JobUnknown, ModelUnknown
from contract.messages import ImageResult
from contract.model_spec import ModelSpec
from contract.queues import queue_name
from contract.registry import Registry
from contract.settings import Settings
from producer.why.answers_read import model_in, model_meant, options_in, redis_in, submission_in, task_in
from producer.why.facts import (
    Facts,
    Gone,
    JobFacts,
    LearnedFacts,
    QueueFacts,
    Running,
    TaskFacts,
    Worker,
)

_TASKS_MAX: Final = 1000
_RUNNING_MAX: Final = 5000
_LETTERS_MAX: Final = 100
_SAMPLE: Final = 100


def read_facts(client: redis.Redis, registry: Registry, settings: Settings, name: str) -> Facts:
    """Of the job, task or model that is called `name`; JobUnknown when there is none. Redis' errors pass."""
    return _Reading(client, registry, settings, name).facts()


class _Reading:
    def __init__(self, client: redis.Redis, registry: Registry, settings: Settings, name: str) -> None:
        self._registry = registry
        self._settings = settings
        self._name = name
        self._pipe = client.pipeline(transaction=False)

    def facts(self) -> Facts:
        name, pipe = self._name, self._pipe
        pipe.time().hgetall(keys.job(name)).hgetall(keys.task(name)).get(keys.submission(name))
        pipe.zrange(keys.MODELS, 0, -1, withscores=True)
        pipe.zrange(keys.LEASES, 0, _RUNNING_MAX - 1, withscores=True)
        pipe.info("memory").info("persistence").info("replication")
        first = pipe.execute(raise_on_error=False)
        now, job, task, submitted, models, leases = (_answered(answer) for answer in first[:6])
        now_s = int(now[0]) + int(now[1]) / 1e6
        seen_models, leases_s = dict(models), {lease: until_ms / 1000 for lease, until_ms in leases}
        is_task = not job and bool(task)
        job_id = task["job"] if is_task else name

        # Second round: the job of a task, its tasks, and everybody who is at work.
        pipe.hgetall(keys.job(job_id)).llen(keys.job_tasks(job_id)).lrange(keys.job_tasks(job_id), -_TASKS_MAX, -1)
        pipe.hkeys(keys.job_dead(job_id))
        for lease in leases_s:
            pipe.hmget(keys.task(lease), "job", "queue", "worker", "claimed_ms")
        job, total, ids, letters, *at_work = pipe.execute()
        submission = submission_in(submitted)
        ref = options_in(job)[0] if job else model_meant(name, seen_models, submission)
        if not job and submission is None and not ref and "@" not in name:
            raise JobUnknown(
                f"no job, task or model is called {name!r}: it was never here, or its lifetime is over. "
                "`vedette models` lists the models"
            )
        fleet = self._registry.fleet()
        past = self._registry.past([advert.node for advert, _ in fleet])
        model = self._model(ref)
        tasks = self._tasks([name] if is_task else ids, leases_s) if job else []
        waiting_on = {item.queue for item in tasks if item.state == "queued"}
        own = {queue_name(model.needs)} if model is not None and not job else set()
        running = self._running(leases_s, at_work)
        return Facts(
            kind="task" if is_task else "job" if job or submission is not None else "model",
            name=name,
            now_s=now_s,
            model_ref=ref,
            model=model,
            model_seen_s=seen_models.get(ref),
            versions=[other for other in seen_models if other.partition("@")[0] == (ref or name).partition("@")[0]],
            models=sorted(seen_models),
            job=self._job(job_id, job, letters) if job else None,
            tasks=[item for item in tasks if item.state in ("queued", "running")],
            tasks_done=sum(item.state not in ("queued", "running") for item in tasks),
            tasks_total=1 if is_task else total,
            queues=self._queues(sorted(waiting_on | own)),
            workers=[
                Worker(advert, vitals, [item for item in running if item.worker == advert.node])
                for advert, vitals in fleet
            ],
            gone=[Gone(each.advert, each.last_seen_s, each.left) for each in past],
            learned=self._learned(model, [worker_class(a.capability.memory_per_slot_bytes) for a, _ in fleet]),
            submission=submission if not job else None,
            redis=redis_in(first[6:]),
            lease_s=self._settings.lease.total_seconds(),
            bell_patience_s=self._settings.bell_patience.total_seconds(),
            upkeep_s=self._settings.upkeep.total_seconds(),
            attempts_max=self._settings.attempts_max,
        )

    def _model(self, ref: str) -> ModelSpec | None:
        """None when no worker has it, or it is written in a way that only a newer Vedette reads."""
        try:
            return self._registry.model(ref) if ref else None
        except ModelUnknown:
            return None

    def _job(self, job_id: str, fields: Mapping[str, str], letters: Sequence[str]) -> JobFacts:
        model, digest, batch_size = options_in(fields)
        indexes = letters[:_LETTERS_MAX]
        codes: dict[str, int] = {}
        message = ""
        if indexes:
            (texts,) = self._pipe.hmget(keys.job_results(job_id), indexes).execute()
            for text in filter(None, texts):
                failure = ImageResult.model_validate_json(text).failure
                if failure is not None:
                    codes[failure.code] = codes.get(failure.code, 0) + 1
                    message = message or failure.message
        return JobFacts(
            job=job_id,
            state=fields["state"],  # type: ignore[arg-type]  # written by our own Lua
            sealed=fields["sealed"] == "1",
            queue=fields["queue"],
            total=int(fields["total"]),
            succeeded=int(fields["succeeded"]),
            failed=int(fields["failed"]),
            created_s=int(fields["created_ms"]) / 1000,
            finished_s=int(fields["finished_ms"]) / 1000 if fields.get("finished_ms") else None,
            v=int(fields.get("v") or 1),
            model=model,
            digest=digest,
            batch_size=batch_size,
            dead=len(letters),
            dead_codes=dict(sorted(codes.items(), key=lambda item: -item[1])),
            dead_message=message,
            max_failure_rate=float(fields["max_failure_rate"]) if fields.get("max_failure_rate") else None,
        )

    def _tasks(self, ids: Sequence[str], leases_s: Mapping[str, float]) -> list[TaskFacts]:
        for task in ids:
            self._pipe.hgetall(keys.task(task))
        records = [(task, fields) for task, fields in zip(ids, self._pipe.execute(), strict=True) if fields]
        open_ones = [task for task, fields in records if fields["state"] in ("queued", "running")]
        of = dict(records)
        for task in open_ones:
            bells = keys.bells(of[task]["queue"])
            self._pipe.hlen(keys.task_images(task)).zscore(bells, task).zrank(bells, task)
            self._pipe.lrange(keys.task_history(task), 0, -1)
        answers = self._pipe.execute()
        more = {task: answers[4 * place : 4 * place + 4] for place, task in enumerate(open_ones)}
        return [task_in(task, fields, leases_s.get(task), more.get(task)) for task, fields in records]

    def _queues(self, names: Sequence[str]) -> dict[str, QueueFacts]:
        for name in names:
            self._pipe.zcard(keys.bells(name)).zrange(keys.bells(name), 0, _SAMPLE - 1, withscores=True).llen(name)
        answers = self._pipe.execute()
        samples = answers[1::3]
        for sample in samples:
            for task, _ in sample:
                self._pipe.hlen(keys.task_images(task))
        sizes = iter(self._pipe.execute())
        queues = {}
        for place, name in enumerate(names):
            count, sample, bells = answers[3 * place : 3 * place + 3]
            first = [next(sizes) for _ in sample]
            estimated = round(sum(first) * count / len(sample)) if sample else 0
            oldest_s = sample[0][1] / 1000 if sample else None
            queues[name] = QueueFacts(name, count, estimated, oldest_s, first, bells)
        return queues

    def _running(self, leases_s: Mapping[str, float], at_work: Sequence[Sequence[str | None]]) -> list[Running]:
        jobs = sorted({job for job, *_ in at_work if job is not None})
        for job in jobs:
            self._pipe.hget(keys.job(job), "options")
        models = {job: model_in(text) for job, text in zip(jobs, self._pipe.execute(), strict=True)}
        return [
            Running(
                task=task,
                job=job,
                queue=queue or "",
                worker=worker or "",
                claimed_s=int(claimed_ms) / 1000 if claimed_ms else None,
                lease_until_s=until_s,
                model=models.get(job, ""),
            )
            for (task, until_s), (job, queue, worker, claimed_ms) in zip(leases_s.items(), at_work, strict=True)
            if job is not None
        ]

    def _learned(self, model: ModelSpec | None, classes: Sequence[str]) -> list[LearnedFacts]:
        if model is None:
            return []
        every = sorted(set(classes))
        for name in every:
            self._pipe.hmget(keys.learned(model.digest, name), "limit", "failed")
        known = zip(every, self._pipe.execute(raise_on_error=False), strict=True)
        return [
            LearnedFacts(name, int(answer[0] or 0), int(answer[1] or 0))
            for name, answer in known
            if not isinstance(answer, Exception)  # a producer may not ask
        ]


def _answered(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer
