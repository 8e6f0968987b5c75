"""docker-compose.yml and Dockerfile, as far as they can be checked without a Docker engine."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.memory import parse_bytes
from contract.settings import Settings

ROOT = Path(__file__).parents[2]
START = ["celery", "-A", "workers", "worker"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def workers(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if name.startswith("worker")}


def validate(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_follows_the_compose_specification(tmp_path: Path, compose: dict[str, Any]) -> None:
    done = validate(ROOT / "docker-compose.yml")
    assert done.returncode == 0, done.stdout + done.stderr

    # Given the same with a word that Compose doesn't know, then the check sees it.
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(json.dumps(compose | {"services": {"redis": {"imagge": "redis"}}}), encoding="utf-8")
    assert validate(broken).returncode != 0


def test_every_worker_starts_as_celery_users_know_it(workers: dict[str, dict[str, Any]]) -> None:
    assert len(workers) >= 2
    for name, service in workers.items():
        assert service["command"][: len(START)] == START, name


def test_workers_are_of_unlike_size_and_measure_it_themselves(workers: dict[str, dict[str, Any]]) -> None:
    limits = {parse_bytes(service["mem_limit"]) for service in workers.values()}

    assert len(limits) == len(workers)
    assert all("--memory" not in service["command"] for service in workers.values())
    assert all(service["memswap_limit"] == service["mem_limit"] for service in workers.values())


def test_images_are_read_only_and_the_only_place_that_workers_may_read(workers: dict[str, dict[str, Any]]) -> None:
    for name, service in workers.items():
        assert service["environment"]["VEDETTE_IMAGE_ROOTS"] == "/images", name
        assert [mount for mount in service["volumes"] if mount.endswith(":/images:ro")], name


def test_everything_waits_for_a_redis_that_answers_and_keeps_its_data(compose: dict[str, Any]) -> None:
    services = compose["services"]
    redis = services["redis"]

    assert "healthcheck" in redis
    assert redis["command"][1:] == ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    for name, service in services.items():
        if name != "redis":
            assert service["depends_on"]["redis"]["condition"] == "service_healthy", name
            assert service["environment"]["VEDETTE_REDIS_URL"] == "redis://redis:6379/0", name


def test_no_port_is_open_to_other_hosts(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_image_is_named_with_its_version_or_built_here(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service.get("build") == "." or re.search(r":\d", service["image"]), name


def test_every_setting_that_is_named_exists(compose: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    named = set(re.findall(r"VEDETTE_\w+", dockerfile + json.dumps(compose)))

    assert named <= {f"VEDETTE_{field.upper()}" for field in Settings.model_fields}


def test_the_image_starts_a_worker_without_root_or_a_shell() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    instructions = [line.partition(" ") for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]
    last = {name: argument for name, _, argument in instructions}

    assert json.loads(last["CMD"])[: len(START)] == START
    assert last["USER"] == "vedette"
    assert last["STOPSIGNAL"] == "SIGTERM"


def test_the_build_gets_every_package_of_the_wheel_and_nothing_else() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = set(pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    copied = re.findall(r"^COPY (\w+) /src/\w+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}

    assert set(copied) == packages
    assert let_in == packages | {"pyproject.toml", "README.md", "LICENSE"}
