"""What Compose's schema cannot see in docker-compose.yml: services are limited, guarded, checked, and end in time."""

import json
import re
import subprocess
import sys

import pytest

from contract.memory import parse_bytes
from contract.settings import PREFIX, Settings
from tests.support.compose import FILE, Missing, Service, filled, load, seconds, services
from tests.support.dockerfile import stages
from tests.unit.deploy.times import GATEWAY_S, WORKER_S

#: Variables of programs that are not ours.
OF_OTHERS = {"REDISCLI_AUTH", "FLOWER_BASIC_AUTH", "FLOWER_READ_ONLY", "TMPDIR"}
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}
TEXT = FILE.read_text(encoding="utf-8")
REQUIRED = dict.fromkeys(re.findall(r"\$\{(\w+):\?", TEXT), "secret")
SERVICES = services(REQUIRED)
STAYING = [service for service in SERVICES.values() if service.runs_on]
WORKERS = [service for name, service in SERVICES.items() if name.startswith("worker-")]
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=lambda each: each.name)
each_staying = pytest.mark.parametrize("service", STAYING, ids=lambda each: each.name)
each_worker = pytest.mark.parametrize("service", WORKERS, ids=lambda each: each.name)


@each_service
def test_each_service_is_limited_and_has_no_swap(service: Service):
    assert service.raw["mem_limit"] == service.raw["memswap_limit"]
    assert service.raw["cpus"]
    assert service.raw["pids_limit"]


@each_service
def test_each_service_is_guarded(service: Service):
    assert service.raw["read_only"] is True
    assert service.raw["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service.raw["security_opt"]
    assert service.raw["init"] is True
    assert not service.raw.get("privileged")
    assert not service.raw.get("network_mode")
    assert service.raw["networks"]


@each_service
def test_logs_do_not_fill_the_disk(service: Service):
    options = service.raw["logging"]["options"]
    assert parse_bytes(options["max-size"]) * int(options["max-file"]) <= parse_bytes("200m")


@each_staying
def test_who_stays_is_started_again_and_checked(service: Service):
    assert service.raw["restart"] == "unless-stopped"
    check = service.raw["healthcheck"]
    assert seconds(check["timeout"]) <= seconds(check["interval"])
    assert check["retries"] >= 3


@each_service
def test_images_are_pinned_by_their_full_version(service: Service):
    _, _, tag = service.raw["image"].partition(":")
    assert re.match(r"v?\d+\.\d+\.\d+", tag), service.raw["image"]


@each_service
def test_ours_run_as_nobody_special(service: Service):
    if service.target is None:
        return
    user = [step.rest for step in stages()[service.target].steps if step.word == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), user


@each_worker
def test_a_worker_may_end_what_it_is_at(service: Service):
    assert service.grace_s >= WORKER_S


def test_the_gateway_may_end_its_streams():
    assert SERVICES["gateway"].grace_s > GATEWAY_S


def test_the_classes_of_worker_differ_by_their_limits_and_name_only():
    assert len({each.memory_bytes for each in WORKERS}) == len(WORKERS) == 3
    unlike = ("mem_limit", "memswap_limit", "cpus", "command")
    alike = [{key: value for key, value in each.raw.items() if key not in unlike} for each in WORKERS]
    assert alike[0] == alike[1] == alike[2]


@each_worker
def test_a_worker_can_be_had_several_times(service: Service):
    assert not {"container_name", "ports", "hostname"} & set(service.raw)


@each_worker
def test_a_worker_keeps_temporary_files_on_disk(service: Service):
    """A tmpfs would be charged to the memory that the worker measured for its slots."""
    environment = _environment_of_image("worker")
    assert (None, environment["TMPDIR"], False) in service.volumes
    for _, options in service.tmpfs:
        assert parse_bytes(re.search(r"size=(\w+)", options)[1]) <= parse_bytes("16m")


@each_worker
def test_a_worker_cannot_change_models_and_images(service: Service):
    read_only = {target for _, target, only in service.volumes if only}
    assert {"/models", "/images"} <= read_only


@each_worker
def test_a_worker_is_asked_for_the_sign_of_life_that_it_gives(service: Service):
    assert _environment_of_image("worker")["VEDETTE_ALIVE_FILE"] in service.health_command[-1]


@each_service
def test_every_variable_is_a_setting(service: Service):
    ours = {name for name in service.environment if not name.startswith("GF_")}
    assert ours - OF_OTHERS <= SETTINGS


def test_every_setting_that_opens_something_can_be_given():
    opening = {"VEDETTE_IMAGE_HOSTS", "VEDETTE_IMAGE_BUCKETS", "VEDETTE_IMAGE_PRIVATE"}
    uploads = {"VEDETTE_BLOB_BYTES", "VEDETTE_BLOB_LIFETIME"}
    for service in [*WORKERS, SERVICES["gateway"]]:
        assert opening | uploads <= set(service.environment)


def test_no_password_has_a_default():
    for name, how, rest in re.findall(r"\$\{(\w+)(:?[-?])([^}]*)\}", TEXT):
        if re.search("PASSWORD|AUTH|SECRET|KEY", name):
            assert (how, rest) == (":?", "run make secrets"), name


def test_nothing_secret_stands_in_the_file():
    for service in services().values():  # as it is written, not filled in
        for name, value in service.environment.items():
            if re.search(r"PASSWORD|AUTH|SECRET|KEY|REDIS_URL", name):
                assert re.search(r"\$\{\w+:\?|^/run/secrets/", value), f"{service.name}: {name}={value}"


def test_without_its_variables_nothing_starts():
    assert len(REQUIRED) == 5
    for name in REQUIRED:
        with pytest.raises(Missing, match=f"{name}: run make secrets"):
            services({key: value for key, value in REQUIRED.items() if key != name})


def test_every_secret_has_a_user_and_a_file():
    document = load()
    used = {name for service in SERVICES.values() for name in service.raw.get("secrets", [])}
    assert used == set(document["secrets"])
    assert all(entry["file"].startswith("./secrets/") for entry in document["secrets"].values())


def test_redis_is_the_truth_and_keeps_it():
    words = " ".join(SERVICES["redis"].command)
    assert "--appendonly yes" in words
    assert "--maxmemory-policy noeviction" in words
    assert "--aclfile" in words
    maxmemory = parse_bytes(re.search(r"--maxmemory (\w+)", words)[1].removesuffix("b"))
    assert SERVICES["redis"].memory_bytes >= 2 * maxmemory, "a rewrite of its file copies what changes meanwhile"
    assert maxmemory >= 2 * Settings().blob_bytes, "uploads may take that much, and jobs come on top"


@each_service
def test_what_is_published_is_published_on_the_loopback_interface(service: Service):
    assert all(port.startswith("127.0.0.1:") for port in service.raw.get("ports", []))


def test_who_does_not_need_redis_does_not_reach_it():
    reach = {name for name, service in SERVICES.items() if "redis" in service.raw["networks"]}
    assert reach == set(SERVICES) - {"prometheus", "grafana"}


def test_each_side_is_the_redis_user_of_its_role():
    users = {
        name: re.match(r"redis://(\w+):", service.environment["VEDETTE_REDIS_URL"])[1]
        for name, service in SERVICES.items()
        if "VEDETTE_REDIS_URL" in service.environment
    }
    assert {name: user for name, user in users.items() if not name.startswith("worker-")} == {
        "gateway": "producer",
        "vedette": "producer",
        "models": "worker",
        "flower": "monitor",
        "exporter": "monitor",
    }
    assert {user for name, user in users.items() if name.startswith("worker-")} == {"worker"}


def test_only_workers_carry_tensorflow():
    assert {name for name, service in SERVICES.items() if service.target == "worker"} == {
        *(each.name for each in WORKERS),
        "models",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$HOSTNAME", "$HOSTNAME"),
        ("a ${GIVEN} b", "a x b"),
        ("${EMPTY:-1g}", "1g"),
        ("${GIVEN:-1g}", "x"),
        ("${ABSENT:-}", ""),
        ("${GIVEN:?say it}", "x"),
    ],
)
def test_variables_are_filled_in_as_compose_does(text, expected):
    assert filled(text, {"GIVEN": "x", "EMPTY": ""}) == expected


def _environment_of_image(target: str) -> dict[str, str]:
    return {k: v for step in stages()[target].steps if step.word == "ENV" for k, v in step.variables.items()}


def validated(path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_follows_the_compose_specification(tmp_path):
    done = validated(FILE)
    assert done.returncode == 0, done.stdout + done.stderr

    # Given the same with a word that Compose doesn't know, then the check sees it.
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(json.dumps(load() | {"services": {"redis": {"imagge": "redis"}}}), encoding="utf-8")
    assert validated(broken).returncode != 0


@each_worker
def test_a_worker_starts_as_celery_users_know_it_and_measures_by_itself(service: Service):
    assert service.command[:4] == ["celery", "-A", "workers", "worker"]
    assert not {"--memory", "--slots", "--threads"} & set(service.command)


@each_service
def test_who_speaks_to_redis_waits_until_it_answers(service: Service):
    if "VEDETTE_REDIS_URL" in service.environment:
        assert service.raw["depends_on"] == {"redis": {"condition": "service_healthy"}}
