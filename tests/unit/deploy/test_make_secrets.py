"""`make secrets`: what it makes is what Redis, the gateway and Compose read."""

import re
import stat

import pytest

from producer.gateway.api_keys import find, read_keys
from tests.support.compose import load, services
from tests.support.deploy_script import load_script
from tests.support.recipes import access_recipes

make_secrets = load_script("make_secrets")


@pytest.fixture
def made(tmp_path):
    told = make_secrets.main(tmp_path)
    variables = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    return tmp_path, variables, "\n".join(told)


def test_compose_has_all_that_it_asks_for(made):
    directory, variables, _ = made
    assert (
        services(variables)["worker-small"].environment["VEDETTE_REDIS_URL"].count(variables["REDIS_WORKER_PASSWORD"])
    )
    for secret in load()["secrets"].values():
        assert (directory / secret["file"]).is_file()


def test_every_password_is_another_one(made):
    directory, variables, _ = made
    values = [*variables.values(), (directory / "secrets/redis-admin").read_text()]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 24 for value in values)


def test_other_people_of_the_host_are_kept_out(made):
    directory, _, _ = made
    assert stat.S_IMODE((directory / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "secrets").stat().st_mode) == 0o700


def test_the_users_file_has_hashes_and_the_documents_rules(made):
    directory, variables, _ = made
    text = (directory / "secrets/redis-users.acl").read_text()
    assert not any(password in text for password in variables.values())
    for user, words in access_recipes().items():
        rules = [word for word in words[4:] if not word.startswith(">")]
        line = re.search(rf"^user {user} (.*)$", text, re.MULTILINE)[1]
        assert line.split(" ", 1)[1] == " ".join(rules)


def test_the_key_that_is_told_once_opens_the_gateway(made):
    directory, _, told = made
    key = re.search(r"vdt_\S+", told)[0]
    keys = read_keys(directory / "secrets/api-keys.toml")
    assert find(keys, f"Bearer {key}").name == "first"
    assert find(keys, f"Bearer {(directory / 'secrets/prometheus-key').read_text()}").name == "prometheus"


def test_a_second_run_changes_nothing(made):
    directory, _, _ = made
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert make_secrets.main(directory) == []
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before


def test_a_password_that_is_taken_out_is_made_anew_and_redis_is_told(made):
    directory, variables, _ = made
    kept = "".join(f"{k}={v}\n" for k, v in variables.items() if k != "REDIS_WORKER_PASSWORD")
    (directory / ".env").write_text(kept)
    before = (directory / "secrets/redis-users.acl").read_text()
    make_secrets.main(directory)
    after = (directory / "secrets/redis-users.acl").read_text()
    changed = [a for a, b in zip(after.splitlines(), before.splitlines(), strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0].startswith("user worker ")
