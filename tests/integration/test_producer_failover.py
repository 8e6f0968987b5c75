"""What a producer meets in a failover: Redis is set back to what its replica had. Played with one Redis here; the real
thing is in tests/lab/test_sentinel.py.
"""

from collections.abc import Callable, Iterator

import pytest
import redis

from contract import keys
from contract.ledger import Claim, Ledger
from contract.messages import Failure, ImageResult
from contract.settings import Settings
from producer import Client, Job, JobClosed, NotReplicated
from tests.support.builders import found, spec

pytestmark = pytest.mark.integration


@pytest.fixture
def replica(settings: Settings) -> Iterator[Callable[[], Callable[[], None]]]:
    """Call it to remember all that Redis knows; call what it gives to have Redis know no more than that."""
    with redis.Redis.from_url(settings.redis_url) as plain:

        def remember() -> Callable[[], None]:
            known = {key: plain.dump(key) for key in plain.scan_iter()}

            def take_over() -> None:
                plain.flushdb()
                for key, value in known.items():
                    plain.restore(key, 3_600_000, value)

            return take_over

        yield remember


def claimed(ledger: Ledger, job: Job) -> Claim:
    (task,) = ledger.tasks(job.id)
    claim = ledger.claim(job.id, task, "small@yard")
    assert isinstance(claim, Claim)
    return claim


def record(ledger: Ledger, claim: Claim, *indexes: int, result: ImageResult | None = None) -> None:
    for index in indexes:
        done = result or found(claim.images[index].name)
        assert ledger.record(claim.job, claim.task, claim.attempt, [(index, done)]) == "recorded"


def names(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def test_a_reader_misses_nothing_that_was_done_again_in_another_order(client, ledger, replica):
    # Given a reader who has read the results of 0 to 4, of which the replica has 0 to 2
    job = client.submit(names(6), model="defects-small")
    claim = claimed(ledger, job)
    record(ledger, claim, 0, 1, 2)
    take_over = replica()
    record(ledger, claim, 3, 4)
    reader = job.results_indexed(timeout=5)
    read = [next(reader)[0] for _ in range(5)]

    # When the replica takes over, and the rest is done in another order
    take_over()
    record(ledger, claim, 5, 4, 3)

    # Then the reader gets what it has not got, and only that
    read += [index for index, _ in reader]
    assert read == [0, 1, 2, 3, 4, 5]


def test_a_reader_who_goes_on_at_a_place_misses_nothing_either(client, ledger, replica):
    job = client.submit(names(6), model="defects-small")
    claim = claimed(ledger, job)
    record(ledger, claim, 2, 1, 0)
    take_over = replica()
    record(ledger, claim, 3, 4)
    reader = job.watch(cursor=3, timeout=5)
    read = [index for index, _ in next(reader).results]

    take_over()
    record(ledger, claim, 5, 4, 3)

    updates = list(reader)
    read += [index for update in updates for index, _ in update.results]
    assert read == [3, 4, 5]
    assert updates[-1].cursor == 6


def test_a_failure_that_was_put_back_comes_again_for_a_reader_who_goes_on_too(client, ledger, redis_client):
    # Given an image that failed for memory, and is put back while somebody reads on behind it
    job = client.submit(names(2), model="defects-small")
    claim = claimed(ledger, job)
    dead = ImageResult(image="0.jpg", model=spec().ref, failure=Failure(code="memory", message="too large"), attempts=1)
    record(ledger, claim, 0, result=dead)
    reader = job.watch(cursor=1, timeout=5)
    assert next(reader).results == ()
    record(ledger, claim, 1)
    client.retry_dead(job.id)
    task = redis_client.lrange(keys.job_tasks(job.id), -1, -1)[0]
    again = ledger.claim(job.id, task, "small@yard")
    ledger.record(job.id, task, again.attempt, [(0, found("0.jpg"))])

    # Then its new result comes
    read = [(index, result.ok) for update in reader for index, result in update.results]
    assert read == [(1, True), (0, True)]


def submitting(client: Client, count: int, then: Callable[[int], None]) -> Job:
    """Submits `count` images in tasks of 32; `then` is called after each that was read, with its number."""

    def images() -> Iterator[str]:
        for number in range(count):
            yield f"/in/{number}.jpg"
            then(number)

    return client.submit(images(), model="defects-small")


def test_a_submission_of_which_a_failover_lost_a_part_is_none(client, replica, redis_client):
    # Given a replica that is behind by one task, which Redis has acknowledged
    behind = []

    def then(number: int) -> None:
        if number == 32:
            behind.append(replica())
        if number == 100:
            behind.pop()()

    # When it takes over in the middle of a submission
    with pytest.raises(NotReplicated, match=r"has lost 64 of the 200 images of job (\S+) while it") as refused:
        submitting(client, 200, then)

    # Then the job does not run, and the error says so
    assert refused.value.code == "not_replicated"
    assert str(refused.value).endswith("The job was cancelled. Submit it again.")
    (job,) = [key for key in redis_client.scan_iter("vedette:job:*") if key.count(":") == 2]
    assert redis_client.hget(job, "state") == "cancelled"


@pytest.mark.parametrize("taken_over_at", [100, 199], ids=["while tasks are added", "before it is sealed"])
def test_a_submission_of_which_a_failover_lost_the_job_itself_is_none(client, replica, taken_over_at):
    take_over = replica()

    def then(number: int) -> None:
        if number == taken_over_at:
            take_over()

    with pytest.raises(NotReplicated, match=r"has lost job \S+ while it was being submitted"):
        submitting(client, 200, then)


def test_a_job_that_somebody_cancels_meanwhile_is_not_lost(client, ledger, redis_client):
    def then(number: int) -> None:
        if number == 100:
            (job,) = [key for key in redis_client.scan_iter("vedette:job:*") if key.count(":") == 2]
            ledger.cancel_job(job.rpartition(":")[2])

    with pytest.raises(JobClosed):
        submitting(client, 200, then)
