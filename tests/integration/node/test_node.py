"""A producer in Node: the script of docs/protocol.md as it stands there, with celery-node and ioredis from npm."""

import json
import threading

import pytest

from contract.blobs import Blobs
from contract.connection import connect
from contract.doorbell import bell_app
from contract.messages import ImageResult
from contract.submissions import Submissions
from contract.submit_message import SUBMIT_TASK
from tests.support.builders import advert, found, spec
from tests.support.node import documented_script, node
from workers.submitter import Submitter

pytestmark = pytest.mark.integration

#: Sends what it is given, by message protocol 1 or 2.
SEND = """
const celery = require("celery-node");
const url = process.env.VEDETTE_REDIS_URL;
const client = celery.createClient(url, url, "vedette.submit");
client.conf.TASK_PROTOCOL = Number(process.argv[2]);
client.sendTask("vedette.submit", [], JSON.parse(process.argv[3]));
client.isReady().then(() => client.disconnect());
"""


@pytest.fixture
def submitter(settings, ledger, registry, redis_client):
    with bell_app(settings) as app, connect(settings, binary=True) as binary:
        submissions = Submissions(redis_client, settings)
        yield Submitter(app, ledger, registry, submissions, settings, Blobs(binary, settings))


@pytest.mark.parametrize("protocol", ["1", "2"])
def test_a_message_of_either_protocol_is_read(project, settings, submitter, ledger, registry, redis_client, protocol):
    registry.publish_model(spec())
    registry.publish_advert(advert())
    fields = {"v": 1, "job": "j1", "model": "defects-small", "images": ["/in/ä 🦌.jpg"], "min_score": 1.0}

    sent = node(project, SEND, protocol, json.dumps(fields), VEDETTE_REDIS_URL=settings.redis_url)

    assert sent.returncode == 0, sent.stderr
    submitter.answer(redis_client.lindex(SUBMIT_TASK, -1).encode())
    (task,) = ledger.tasks("j1")
    assert [image.name for image in ledger.images_left(task)] == ["/in/ä 🦌.jpg"]
    assert ledger.options("j1").min_score == 1


def test_a_rejection_reaches_it(project, settings, submitter, redis_client):
    answering = threading.Thread(target=answer_one, args=(submitter, redis_client))
    answering.start()

    ran = node(project, documented_script(), "no-such-model", "/in/a.jpg", VEDETTE_REDIS_URL=settings.redis_url)

    answering.join()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "model_unknown: unknown model 'no-such-model'" in ran.stderr


def test_it_reads_results_as_they_come(project, settings, submitter, ledger, registry, redis_client):
    registry.publish_model(spec())
    registry.publish_advert(advert())

    def fleet():
        answer_one(submitter, redis_client)
        (key,) = redis_client.keys("vedette:submission:*")
        job = key.removeprefix("vedette:submission:")
        (task,) = ledger.tasks(job)
        claim = ledger.claim(job, task, "small@yard")
        for image in claim.images:
            ledger.record(job, task, claim.attempt, [(image.index, found(image.name))])

    working = threading.Thread(target=fleet)
    working.start()

    ran = node(project, documented_script(), "defects-small", "/in/a.jpg", VEDETTE_REDIS_URL=settings.redis_url)

    working.join()
    assert ran.returncode == 0, ran.stderr
    assert [ImageResult.model_validate_json(line) for line in ran.stdout.splitlines()] == [found("/in/a.jpg")]


def answer_one(submitter, redis_client):
    redis_client.blmove(SUBMIT_TASK, "taken", 30, "RIGHT", "LEFT")
    submitter.answer(redis_client.lindex("taken", -1).encode())
