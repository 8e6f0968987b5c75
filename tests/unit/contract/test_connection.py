from datetime import timedelta

import pytest

from contract.connection import connect, reachable, shown_url
from contract.errors import RedisUnreachable
from contract.settings import load_settings
from tests.support.redis_server import free_port


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://user:secret@host/1?ssl_cert_reqs=required", "rediss://user:***@host/1?ssl_cert_reqs=required"),
        ("redis://user:se%40cret@[::1]:6379/0", "redis://user:***@[::1]:6379/0"),
        ("redis://user@host/0", "redis://user@host/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("unix:///run/redis.sock?password=secret&db=1", "unix:///run/redis.sock?password=***&db=1"),
        ("redis://host/0?db=1&password=secret", "redis://host/0?db=1&password=***"),
        ("redis://:se/cr?et#@host/0", "redis://:***@host/0"),
        ("redis://user:secret@host/0?client_name=a@b", "redis://user:***@host/0?client_name=a@b"),
        ("redis+sentinel://user:secret@one:1,two:2/mymaster/0", "redis+sentinel://user:***@one:1,two:2/mymaster/0"),
        (
            "redis+sentinel://one/m?sentinel_password=hush&replicas=1",
            "redis+sentinel://one/m?sentinel_password=***&replicas=1",
        ),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert shown_url(url) == shown


def test_no_redis_is_one_clear_error_with_the_address():
    # Given an address where nothing listens
    settings = load_settings(redis_url=f"redis://:secret@127.0.0.1:{free_port()}/0", lease=timedelta(seconds=15))

    # When somebody asks there
    with pytest.raises(RedisUnreachable) as unreachable, reachable(settings), connect(settings) as client:
        client.ping()

    # Then the address stands in the error, the password does not, and it says what to do
    message = str(unreachable.value)
    assert message.startswith(f"no Redis at {shown_url(settings.redis_url)} (")
    assert "secret" not in message
    assert "VEDETTE_REDIS_URL" in message
    assert unreachable.value.code == "redis_unreachable"


def test_other_errors_pass_through():
    with pytest.raises(ZeroDivisionError), reachable(load_settings()):
        _ = 1 / 0


def test_a_socket_file_is_an_address_too(tmp_path):
    settings = load_settings(redis_url=f"unix://{tmp_path}/none.sock")
    with pytest.raises(RedisUnreachable, match="no Redis at unix://"), reachable(settings), connect(settings) as client:
        client.ping()
