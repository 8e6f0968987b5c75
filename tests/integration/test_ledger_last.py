"""The last results of a task and the end of its attempt: one step, so that nobody sees the one without the other."""

from dataclasses import replace
from threading import Event, Thread

import pytest

from contract import keys
from contract.connection import connect
from contract.ledger import Attempt, BatchRun, Claim, Ledger, PutBack, Recording
from tests.support.builders import MODEL, found, image_refs, not_processed, options
from tests.support.ledger_calls import JOB, QUEUE, TASK, TwiceRedis, claimed, ended, record, submit
from tests.support.redis_cost import redis_cost

pytestmark = pytest.mark.integration

RUN = BatchRun(2, 0.5, "1024m", predicted_bytes=1000, peak_bytes=800)


def last(claim: Claim, *indexes: int, **fields) -> Recording:
    """Results of these images with the end of the attempt; `fields` are of that."""
    return Recording(claim, [(index, found(f"{index:05}.jpg")) for index in indexes], RUN, ended(claim, **fields))


def history(ledger: Ledger, task: str = TASK) -> list[Attempt]:
    return [attempt.model_copy(update={"seconds": None}) for attempt in ledger.history(task)]


def test_the_last_results_end_the_attempt_with_the_job(ledger):
    submit(ledger, 3)
    claim = claimed(ledger)
    record(ledger, claim, 0)
    recording = last(claim, 1, 2, peak_bytes=800)

    assert ledger.record_all([recording]) == ["closed"]

    status = ledger.status(JOB)
    assert (status.state, status.succeeded) == ("done", 3)
    assert history(ledger) == [recording.ends]
    assert 0 <= ledger.history(TASK)[0].seconds < 60
    assert ledger.task(TASK).state == "done"
    assert (ledger.renew(claim), ledger.claim(JOB, TASK, "late@yard")) == ("fenced", "done")


def test_it_costs_one_round_trip(ledger, redis_client):
    submit(ledger, 2)
    claim = claimed(ledger)
    ledger.record_all([last(claim, 0)])  # Redis knows the script

    with redis_cost(redis_client) as cost:
        assert ledger.record_all([last(claim, 1)]) == ["closed"]

    assert cost.round_trips == 1


def test_while_images_are_left_the_attempt_goes_on(ledger):
    submit(ledger, 3)
    claim = claimed(ledger)

    assert ledger.record_all([last(claim, 0, 1)]) == ["recorded"]

    assert history(ledger) == []
    assert ledger.renew(claim) == "held"
    assert ledger.record_all([last(claim, 2)]) == ["closed"]
    assert len(history(ledger)) == 1


def test_results_counters_leases_and_lifetimes_are_as_of_record_and_close(ledger, redis_client, settings):
    # Given two jobs alike, of which one is recorded and closed, and the other both at once
    for job in ("two-steps", "one-step"):
        ledger.create_job(job, options(), QUEUE)
        ledger.add_task(job, job, QUEUE, 8, image_refs(2))
        ledger.seal_job(job)
    left, seen = [], []
    for job in ("two-steps", "one-step"):
        redis_client.delete(keys.counts(MODEL))
        claim = ledger.claim(job, job, "small@yard")
        results = [(0, found("00000.jpg")), (1, not_processed("00001.jpg", "memory"))]
        if job == "two-steps":
            ledger.record(job, job, claim.attempt, results, RUN)
            ledger.close(job, job, ended(claim), PutBack(QUEUE, 8))
        else:
            assert ledger.record_all([Recording(claim, results, RUN, ended(claim))]) == ["closed"]

        # Then nothing tells them apart
        left.append({key.replace(job, "…"): redis_client.type(key) for key in redis_client.scan_iter(f"*{job}*")})
        seen.append((ledger.results(job), ledger.dead(job), ledger.task(job).state, ledger.counts([MODEL])))
    assert left[0] == left[1]
    assert seen[0][1:3] == ([replace(seen[1][1][0], task="two-steps")], "done")
    assert (seen[0][0], seen[0][3]) == (seen[1][0], seen[1][3])
    assert seen[1][3][MODEL].attempts == {"done": 1}
    assert redis_client.zcard(keys.LEASES) == 0
    whole_s = settings.result_lifetime.total_seconds()
    assert {key: redis_client.ttl(key) for key in redis_client.scan_iter() if redis_client.ttl(key) < whole_s - 5} == {}


def test_several_are_told_each_what_became_of_it(ledger):
    # Given four tasks of which one is cancelled, one is another's by now, and one has images left
    claims = {}
    for name in ("done", "cancelled", "fenced", "left"):
        ledger.create_job(name, options(), QUEUE)
        ledger.add_task(name, name, QUEUE, 8, image_refs(2 if name == "left" else 1))
        ledger.seal_job(name)
        claims[name] = ledger.claim(name, name, "small@yard")
    ledger.cancel_job("cancelled")
    lost = ended(claims["fenced"], verdict="lost")
    ledger.close("fenced", "fenced", lost, PutBack(QUEUE, 8))
    ledger.claim("fenced", "fenced", "other@yard")

    answers = ledger.record_all([last(claim, 0) for claim in claims.values()])

    assert answers == ["closed", "cancelled", "fenced", "recorded"]
    assert {name: len(history(ledger, name)) for name in claims} == {"done": 1, "cancelled": 0, "fenced": 1, "left": 0}
    assert [ledger.status(name).succeeded for name in claims] == [1, 0, 0, 1]


# An answer that is lost


@pytest.mark.parametrize("meanwhile", ["nothing", "cancelled", "revived", "scripts forgotten"])
def test_sent_again_it_has_the_same_answer_and_changes_nothing(ledger, redis_client, meanwhile):
    # Given a job of two tasks, and one that gives an image up with its last results
    submit(ledger, 2, sealed=False)
    ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(1, start=2))
    ledger.seal_job(JOB)
    claim = claimed(ledger)
    results = [(0, found("00000.jpg")), (1, not_processed("00001.jpg", "memory"))]
    recording = Recording(claim, results, RUN, ended(claim))
    assert ledger.record_all([recording]) == ["closed"]
    if meanwhile == "cancelled":
        ledger.cancel_job(JOB)
    elif meanwhile == "revived":
        ledger.revive(JOB, "task-3", QUEUE, 8, [1])
    elif meanwhile == "scripts forgotten":
        redis_client.script_flush()
    before = (ledger.status(JOB), ledger.counts([MODEL]), ledger.results(JOB), ledger.task(TASK))

    assert ledger.record_all([recording]) == ["closed"]

    assert (ledger.status(JOB), ledger.counts([MODEL]), ledger.results(JOB), ledger.task(TASK)) == before
    assert history(ledger) == [recording.ends]


def test_every_call_sent_twice(redis_url, settings):
    with TwiceRedis.from_url(redis_url, decode_responses=True) as twice:
        ledger = Ledger(twice, settings)
        submit(ledger, 3)
        claim = claimed(ledger)

        assert ledger.record_all([last(claim, 0)]) == ["recorded"]
        assert ledger.record_all([last(claim, 1, 2)]) == ["closed"]

        assert (len(history(ledger)), ledger.status(JOB).succeeded) == (1, 3)
        counts = ledger.counts([MODEL])[MODEL]
        assert (counts.attempts, counts.images, counts.batch.count) == ({"done": 1}, {"succeeded": 3}, 2)


def test_an_attempt_that_somebody_else_has_ended_is_not_its_own(ledger):
    # Given a slot that stood still, and a reconciler that gave its images up: the task is done, at the same attempt
    submit(ledger, 1)
    claim = claimed(ledger)
    lost = ended(claim, verdict="lost", outcome="given up after 1 attempts")
    failures = [(0, not_processed("00000.jpg", "lost"))]
    assert ledger.record_last(JOB, TASK, lost, failures, "kernel") == "closed"

    # When it wakes up
    assert ledger.record_all([last(claim, 0)]) == ["fenced"]

    # Then what was said of it stands
    assert history(ledger) == [lost]
    assert [letter.index for letter in ledger.dead(JOB)] == [0]
    counts = ledger.counts([MODEL])[MODEL]
    assert (counts.attempts, counts.kills, counts.images) == ({"lost": 1}, {"kernel": 1}, {"dead": 1})


@pytest.mark.parametrize("tasks", [1, 3])
def test_scripts_that_a_restarted_redis_has_forgotten_are_sent_again(ledger, redis_client, tasks):
    claims = []
    for number in range(tasks):
        name = f"n{number}"
        ledger.create_job(name, options(), QUEUE)
        ledger.add_task(name, name, QUEUE, 8, image_refs(1))
        ledger.seal_job(name)
        claims.append(ledger.claim(name, name, "small@yard"))
    redis_client.script_flush()

    assert ledger.record_all([last(claim, 0) for claim in claims]) == ["closed"] * tasks

    assert [len(history(ledger, claim.task)) for claim in claims] == [1] * tasks


# Jobs that end otherwise


def test_a_job_that_its_last_results_stop_has_the_attempt_too(ledger):
    submit(ledger, 2, sealed=False, max_failure_rate=0.1)
    ledger.add_task(JOB, "task-2", QUEUE, 8, image_refs(2, start=2))
    ledger.seal_job(JOB)
    claim = claimed(ledger)
    failures = [(index, not_processed(f"{index:05}.jpg")) for index in (0, 1)]

    assert ledger.record_all([Recording(claim, failures, None, ended(claim))]) == ["closed"]

    assert (ledger.status(JOB).state, len(history(ledger)), ledger.task(TASK).state) == ("stopped", 1, "cancelled")


def test_whoever_sees_the_end_of_a_job_sees_its_attempts(ledger, settings):
    # Given a reader that never rests, and a slot that does one job after the other
    wrong, over = [], Event()

    def read() -> None:
        with connect(settings) as client:
            own = Ledger(client, settings)
            for number in range(200):
                while own.status(f"n{number}").state != "done" and not over.is_set():
                    pass
                if len(own.history(f"n{number}")) != 1:
                    wrong.append(number)

    for number in range(200):
        ledger.create_job(f"n{number}", options(), QUEUE)
        ledger.add_task(f"n{number}", f"n{number}", QUEUE, 8, image_refs(1))
        ledger.seal_job(f"n{number}")
    reader = Thread(target=read)
    reader.start()
    try:
        for number in range(200):
            claim = ledger.claim(f"n{number}", f"n{number}", "small@yard")
            assert ledger.record_all([last(claim, 0)]) == ["closed"]
    except BaseException:
        over.set()
        raise
    finally:
        reader.join(60)

    assert wrong == []
