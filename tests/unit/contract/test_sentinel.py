"""What is told and what is set up where Redis is behind Sentinel. tests/lab/test_sentinel.py has real ones."""

import kombu.transport.redis
import pytest
from celery.worker.control import conf

from contract.connection import connect, reachable
from contract.doorbell import bell_app
from contract.errors import RedisUnreachable
from contract.settings import load_settings
from tests.support.redis_server import free_port
from workers.transport import SentinelTransport, Transport, transport_for

SECRETS = ("s3rver", "s3ntinel")


@pytest.fixture
def settings():
    """Two Sentinels that are not there, each with a password of its own kind."""
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    return load_settings(
        redis_url=f"redis+sentinel://user:{SECRETS[0]}@{hosts}/mymaster/3?sentinel_password={SECRETS[1]}"
    )


def test_no_sentinel_is_one_clear_error_with_the_addresses(settings):
    with pytest.raises(RedisUnreachable) as unreachable, reachable(settings), connect(settings) as client:
        client.ping()

    message = str(unreachable.value)
    for host, port in settings.sentinel.sentinels:
        assert f"{host}:{port}" in message
    assert "no Sentinel of" in message
    assert "knows a live master 'mymaster'" in message
    assert not any(secret in message for secret in SECRETS)
    assert len(message) < 500


def test_the_connection_is_to_the_servers_and_not_to_the_sentinels(settings):
    with connect(settings, patient=False) as client:
        pool = client.connection_pool

        assert {name: pool.connection_kwargs[name] for name in ("db", "username", "password")} == {
            "db": 3,
            "username": "user",
            "password": SECRETS[0],
        }
        assert pool.connection_kwargs["socket_timeout"] == 2
        for sentinel in pool.sentinel_manager.sentinels:
            assert sentinel.connection_pool.connection_kwargs["password"] == SECRETS[1]
            assert sentinel.connection_pool.connection_kwargs["socket_timeout"] == 0.5


def test_tls_is_for_both():
    settings = load_settings(redis_url="rediss+sentinel://one/mymaster?ssl_ca_certs=/etc/ca.pem")

    with connect(settings) as client, bell_app(settings) as app:
        for pool in (client.connection_pool, client.connection_pool.sentinel_manager.sentinels[0].connection_pool):
            assert "SSL" in pool.connection_class.__name__
            assert pool.connection_kwargs["ssl_ca_certs"] == "/etc/ca.pem"
        assert app.conf.broker_use_ssl == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/etc/ca.pem"}


def test_what_celery_shows_of_its_configuration_has_no_password(settings):
    with bell_app(settings) as app:

        class State:
            pass

        State.app = app
        shown = str(conf(State, with_defaults=True))

    assert "mymaster" in shown
    assert not any(secret in shown for secret in SECRETS)


def test_an_error_does_not_change_the_transport(settings):
    with bell_app(settings) as app, app.connection_for_write() as connection:
        transport = connection.transport_cls
        connection.maybe_switch_next()  # kombu does after each error

        assert connection.transport_cls is transport
        assert connection.virtual_host == "3"


def test_a_worker_refuses_the_same_messages_over_both(settings):
    assert transport_for(settings).endswith("workers.transport:SentinelTransport")
    assert transport_for(load_settings()).endswith("workers.transport:Transport")
    for ours, kombus in (
        (Transport, kombu.transport.redis.Transport),
        (SentinelTransport, kombu.transport.redis.SentinelTransport),
    ):
        assert issubclass(ours, kombus)
        assert issubclass(ours.Channel, kombus.Channel)
    assert Transport._deliver is SentinelTransport._deliver
    assert Transport.Channel._brpop_read is SentinelTransport.Channel._brpop_read
