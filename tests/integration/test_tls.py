"""TLS to Redis, both ways that Vedette connects: redis-py for the ledger, kombu for the bells."""

import json

import pytest
import redis
from kombu.exceptions import OperationalError

from contract.connection import connect
from contract.doorbell import bell_app, ring
from contract.messages import DetectMessage
from contract.registry import Registry
from contract.settings import load_settings
from producer import Client, RedisUnreachable
from tests.support.builders import advert, spec
from tests.support.redis_tls import tls_redis

pytestmark = pytest.mark.integration

QUEUE = "detect.any.512m"
BELL = DetectMessage(job="job-1", task="task-1", model="defects-small@1", batch_size=8)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with tls_redis(tmp_path_factory.mktemp("tls")) as server:
        yield server


def publish(url):
    settings = load_settings(redis_url=url)
    with connect(settings) as client:
        registry = Registry(client, settings)
        registry.publish_model(spec())
        registry.publish_advert(advert())


def test_a_job_is_submitted_over_tls(server):
    url = server.url(ssl_ca_certs=server.authority)
    publish(url)

    with Client(url) as client:
        job = client.submit(["/in/a.jpg"], model="defects-small")
        assert job.status().total == 1

    with connect(load_settings(redis_url=url)) as reader:
        (bell,) = reader.lrange(QUEUE, 0, -1)
    assert json.loads(bell)["headers"]["task"] == "vedette.detect"


@pytest.mark.parametrize(
    ("host", "knows_authority"), [("127.0.0.1", False), ("localhost", True)], ids=["unknown authority", "other name"]
)
def test_a_server_that_cannot_prove_who_it_is_learns_nothing(server, host, knows_authority):
    options = {"ssl_ca_certs": server.authority} if knows_authority else {}
    url = server.url(host, **options).replace("rediss://", "rediss://user:secret@")

    with Client(url) as client, pytest.raises(RedisUnreachable, match="certificate verify failed") as caught:
        client.fleet()
    assert "secret" not in str(caught.value)

    # kombu, left to itself, would tell it the password.
    with bell_app(load_settings(redis_url=url)) as app, pytest.raises(OperationalError, match="certificate verify"):
        ring(app, BELL, QUEUE)


def test_a_server_may_be_trusted_blindly_if_one_says_so(server):
    url = server.url("localhost", ssl_cert_reqs="none", ssl_check_hostname="false")

    with connect(load_settings(redis_url=url)) as client:
        assert client.ping()


def test_a_server_that_asks_who_the_client_is(tmp_path):
    with tls_redis(tmp_path, asks_clients=True) as server:
        known = server.url(ssl_ca_certs=server.authority, **server.client_files)
        publish(known)
        with Client(known) as client:
            assert client.submit(["/in/a.jpg"], model="defects-small").status().total == 1

        with Client(server.url(ssl_ca_certs=server.authority)) as client, pytest.raises(RedisUnreachable):
            client.fleet()


def test_plain_text_is_refused(server):
    with redis.Redis(port=server.port) as client, pytest.raises(redis.ConnectionError):
        client.ping()
