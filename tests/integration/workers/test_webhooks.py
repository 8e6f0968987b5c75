"""A real worker takes a submission with a webhook, dies after its last image, and its end is told all the same."""

import base64
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from contract.doorbell import celery_queue
from contract.queues import queue_name
from contract.submissions import Submissions
from contract.submit_message import SUBMIT_TASK
from producer.webhooks.deliverer import Timing
from producer.webhooks.secrets_file import HostSecrets
from tests.support.gateway import running_gateway
from tests.support.wait import wait_until
from tests.support.web import Answer, web

pytestmark = pytest.mark.integration

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


def test_from_a_message_to_a_delivery(new_yard):
    tiny = new_yard.model("tiny")
    with web({"/in": Answer()}) as receiver:
        hosts = {"VEDETTE_WEBHOOK_HOSTS": f"127.0.0.1:{receiver.port}", "VEDETTE_WEBHOOK_PRIVATE": "127.0.0.1/32"}
        with new_yard.worker("hooked", "--memory", "2g", "--slots", "1", **hosts) as worker:
            new_yard.wait_until_listening(worker.node, queue_name(tiny.needs))

            # Given one job whose webhook this worker allows, and one whose it does not
            images = [str(path) for path in new_yard.plain_images(3)]
            for job, url in (("told", f"http://127.0.0.1:{receiver.port}/in"), ("refused", "http://10.0.0.1/")):
                fields = {"v": 1, "job": job, "model": "tiny", "images": images, "webhook": {"url": url}}
                new_yard.app.send_task(SUBMIT_TASK, kwargs=fields, queue=celery_queue(SUBMIT_TASK))
            submissions = Submissions(new_yard.client, new_yard.settings)
            refused = wait_until(lambda: submissions.get("refused"), that="it is answered")
            assert (refused.state, refused.code) == ("rejected", "webhook_refused")

            # When all of the worker is killed as soon as its last image has its result
            wait_until(lambda: new_yard.client.hget("vedette:job:told", "state") == "done", 60, that="the job is done")
            for process in (worker.process, *worker.slots()):
                process.kill()
        assert new_yard.ledger.status("told").webhook.state == "unattended"

        # Then a gateway that starts later tells its end
        allowed = new_yard.settings.model_copy(
            update={"webhook_hosts": (f"127.0.0.1:{receiver.port}",), "webhook_private": ("127.0.0.1/32",)}
        )
        quick = Timing(poll_s=0.05, first_pause=timedelta(seconds=0.2))
        with running_gateway(allowed, webhook_secrets=(HostSecrets(secrets=(SECRET,)),), timing=quick):
            wait_until(lambda: new_yard.ledger.status("told").webhook.state == "delivered", that="it is told")

    event = Webhook(SECRET).verify(receiver.bodies[0], receiver.requests[0][1])
    assert event["data"].items() >= {"job": "told", "state": "done", "total": 3, "succeeded": 3}.items()
