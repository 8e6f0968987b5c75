"""`vedette.submit` without a worker: what sends it, and what answers it."""

import pytest

from contract.blobs import Blobs
from contract.connection import connect
from contract.doorbell import bell_app, celery_queue
from contract.submissions import Submissions
from contract.submit_message import SUBMIT_TASK
from tests.support.builders import advert, spec
from workers.submitter import Submitter


@pytest.fixture
def app(settings):
    with bell_app(settings) as app:
        yield app


@pytest.fixture
def fleet(registry):
    registry.publish_model(spec())
    registry.publish_advert(advert())


@pytest.fixture
def submissions(redis_client, settings):
    return Submissions(redis_client, settings)


@pytest.fixture
def blobs(settings):
    with connect(settings, binary=True) as client:
        yield Blobs(client, settings)


@pytest.fixture
def submitter(app, ledger, registry, submissions, settings, blobs):
    return Submitter(app, ledger, registry, submissions, settings, blobs)


@pytest.fixture
def send(app):
    """Sends `vedette.submit` with these fields for job j1; gives Celery's id of the message."""

    def send(**fields):
        wanted = {"job": "j1", "model": "defects-small", "images": ["/in/a.jpg"], **fields}
        kwargs = {name: value for name, value in wanted.items() if value is not ...}
        return str(app.send_task(SUBMIT_TASK, kwargs=kwargs, queue=celery_queue(SUBMIT_TASK)).id)

    return send


@pytest.fixture
def answer(submitter, submissions):
    """What a worker's step does with all that waits."""

    def answer():
        while (element := submissions.oldest()) is not None:
            submitter.answer(element)
            submissions.drop(element)

    return answer
