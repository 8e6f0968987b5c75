"""The users that `make secrets` writes, in a Redis that is started as docker-compose.yml starts it."""

import shlex
import subprocess

import pytest
import redis

from tests.support.compose import services
from tests.support.deploy_script import load_script
from tests.support.redis_server import free_port, redis_executable
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def project(tmp_path):
    load_script("make_secrets").main(tmp_path)
    return tmp_path


@pytest.fixture
def variables(project):
    return dict(line.split("=", 1) for line in (project / ".env").read_text().splitlines())


@pytest.fixture
def server(project, variables):
    """Its address, with the command of the Compose file but for the port and the places of files."""
    executable, port = redis_executable(), free_port()
    version = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.split("v=")[1].split(".")[0]) < 7:
        pytest.skip("selectors of users need Redis 7")
    _, *options = services(variables)["redis"].command
    told = [option.replace("/run/secrets/redis-users", str(project / "secrets/redis-users.acl")) for option in options]
    with (project / "log").open("wb") as log:
        process = subprocess.Popen(
            [executable, *told, f"--port {port}", f"--dir {shlex.quote(str(project))}", "--bind 127.0.0.1"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "Ready to accept connections" in (project / "log").read_text(), that="Redis is ready")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def connected(server, user=None, password=None):
    return redis.Redis(*server.split(":"), username=user, password=password, decode_responses=True)


def test_redis_is_as_the_compose_file_says(project, server):
    with connected(server, "admin", (project / "secrets/redis-admin").read_text()) as admin:
        assert admin.config_get("appendonly") == {"appendonly": "yes"}
        assert admin.config_get("save") == {"save": ""}
        assert admin.config_get("maxmemory") == {"maxmemory": str(2 * 1024**3)}
        assert admin.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert set(admin.acl_users()) == {"admin", "default", "health", "monitor", "operator", "producer", "worker"}


def test_nobody_speaks_without_a_password(server):
    with connected(server) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_the_health_check_may_ping_and_nothing_else(server, variables):
    with connected(server, "health", variables["REDIS_HEALTH_PASSWORD"]) as health:
        assert health.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            health.get("vedette:models")


def test_a_side_has_its_own_password_and_not_that_of_another(server, variables):
    with connected(server, "worker", variables["REDIS_WORKER_PASSWORD"]) as worker:
        assert worker.set("vedette:reconciler", "x", px=1000)
    wrong = connected(server, "worker", variables["REDIS_PRODUCER_PASSWORD"])
    with wrong, pytest.raises(redis.AuthenticationError):
        wrong.ping()
