"""`vedette.submit` with a real worker: from Node, while its slot is busy, and between all that is no message."""

import json
from pathlib import Path

import pytest

from contract.doorbell import celery_queue
from contract.messages import ImageResult
from contract.queues import queue_name
from contract.submissions import Submissions
from contract.submit_message import SUBMIT_TASK
from tests.integration.workers.test_bad_messages import NO_MESSAGES
from tests.support.node import documented_script, node, node_project
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration

_PACKAGE = Path(__file__).parents[1] / "node" / "package.json"


@pytest.fixture
def submissions(yard, worker, tiny):
    yard.wait_until_listening(worker.node, queue_name(tiny.needs))
    return Submissions(yard.client, yard.settings)


@pytest.fixture
def submit(yard):
    def submit(job, images):
        fields = {"v": 1, "job": job, "model": "tiny", "images": [str(image) for image in images]}
        yard.app.send_task(SUBMIT_TASK, kwargs=fields, queue=celery_queue(SUBMIT_TASK))

    return submit


def state_of(submissions, job):
    answer = submissions.get(job)
    return answer.state if answer is not None else None


@pytest.mark.usefixtures("submissions")
def test_a_producer_in_node_submits_and_reads_results(yard, tmp_path):
    project = node_project(_PACKAGE, tmp_path)
    good, missing = yard.plain_images(3), yard.images / "missing.jpg"

    ran = node(
        project, documented_script(), "tiny", *map(str, [*good, missing]), VEDETTE_REDIS_URL=yard.settings.redis_url
    )

    assert ran.returncode == 0, ran.stderr
    results = {result.image: result for result in map(ImageResult.model_validate_json, ran.stdout.splitlines())}
    assert results.keys() == {str(path) for path in [*good, missing]}
    assert all(results[str(path)].ok for path in good)
    assert results[str(missing)].failure.code == "image_missing"


def test_a_worker_whose_slots_are_busy_answers(yard, worker, tiny, submissions, submit):
    # Given a slot that will not finish what it has
    job = yard.add(tiny, yard.plain_images(40), task_images=1)
    (slot,) = worker.slots()
    slot.suspend()
    try:
        job.ring()
        wait_until(lambda: yard.client.llen(job.queue) < 40, that="the slot has a task")

        # When a producer submits
        submit("while-busy", yard.plain_images(1))

        # Then it need not wait for the slot
        wait_until(lambda: state_of(submissions, "while-busy") == "accepted", 5, that="it is accepted")
        assert yard.ledger.status("while-busy").done == 0
    finally:
        slot.resume()
    job.finished()
    wait_until(lambda: yard.ledger.status("while-busy").state == "done", 30, that="the job is done")


def test_what_is_no_submission_is_counted_and_keeps_nobody_waiting(yard, worker, submissions, submit):
    # Given all that somebody may push, by mistake or on purpose
    yard.client.delete("vedette:rejects")
    for element in NO_MESSAGES.values():
        yard.client.lpush(SUBMIT_TASK, element)

    # When a producer submits after it
    submit("after-all-that", yard.plain_images(2))

    # Then it is accepted, and the rest was counted
    wait_until(lambda: state_of(submissions, "after-all-that") == "accepted", 10, that="it is accepted")
    wait_until(lambda: yard.ledger.status("after-all-that").state == "done", 30, that="the job is done")
    assert yard.registry.rejects() == {"message_invalid": len(NO_MESSAGES)}
    assert worker.process.poll() is None
    assert "Traceback" not in worker.log


def test_a_worker_that_is_told_twice_works_once(yard, submissions, submit):
    images = yard.plain_images(3)
    for _ in range(3):
        submit("thrice", images)

    wait_until(lambda: submissions.waiting() == 0, that="all three are answered")
    wait_until(lambda: yard.ledger.status("thrice").state == "done", 30, that="the job is done")
    assert yard.ledger.status("thrice").total == 3
    assert [len(yard.ledger.history(task)) for task in yard.ledger.tasks("thrice")].count(1) == len(
        yard.ledger.tasks("thrice")
    )
    assert json.loads(yard.client.hget("vedette:job:thrice", "options"))["model"] == "tiny@1"
