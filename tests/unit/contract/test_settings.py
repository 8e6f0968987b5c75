import re
from datetime import timedelta
from pathlib import Path

import pytest

from contract.errors import SettingsError
from contract.memory import MIB
from contract.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("VEDETTE_REDIS_URL", "rediss://:secret@host:6380/2", "redis_url", "rediss://:secret@host:6380/2"),
        ("VEDETTE_REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("VEDETTE_REDIS_URL", "redis+sentinel://a,b/main/2", "redis_url", "redis+sentinel://a,b/main/2"),
        ("VEDETTE_LEASE", "30", "lease", timedelta(seconds=30)),
        ("VEDETTE_LEASE", "12.5", "lease", timedelta(seconds=12.5)),
        ("VEDETTE_RESULT_LIFETIME", "P7D", "result_lifetime", timedelta(days=7)),
        ("VEDETTE_PREFLIGHT_TIMEOUT", "PT30S", "preflight_timeout", timedelta(seconds=30)),
        ("VEDETTE_IMAGE_BYTES_MAX", "64m", "image_bytes_max", 64 * MIB),
        ("VEDETTE_IMAGE_BYTES_MAX", "1000", "image_bytes_max", 1000),
        ("VEDETTE_IMAGE_ROOTS", "/images:/archive", "image_roots", (Path("/images"), Path("/archive"))),
        ("VEDETTE_IMAGE_ROOTS", "/images:", "image_roots", (Path("/images"),)),
        ("VEDETTE_IMAGE_HOSTS", "a.example.org, *.b.org:8443,", "image_hosts", ("a.example.org", "*.b.org:8443")),
        ("VEDETTE_IMAGE_BUCKETS", "plates,gs://scans/2026", "image_buckets", ("plates", "gs://scans/2026")),
        ("VEDETTE_IMAGE_PRIVATE", "10.2.0.0/16,fd00:7::/64", "image_private", ("10.2.0.0/16", "fd00:7::/64")),
        ("VEDETTE_WEBHOOK_HOSTS", "a.example.org,*.b.org:8443", "webhook_hosts", ("a.example.org", "*.b.org:8443")),
        ("VEDETTE_WEBHOOK_PRIVATE", "10.2.0.0/16", "webhook_private", ("10.2.0.0/16",)),
        ("VEDETTE_WEBHOOK_PATIENCE", "PT6H", "webhook_patience", timedelta(hours=6)),
        ("VEDETTE_MODEL_STORE", "/models", "model_store", Path("/models")),
        ("VEDETTE_MODEL_STORE", "file:///my%20models", "model_store", Path("/my models")),
        ("VEDETTE_MODEL_STORE", "s3://bucket/models/", "model_store", "s3://bucket/models"),
        ("VEDETTE_MODEL_STORE", "https://u:p@host:8443/models", "model_store", "https://u:p@host:8443/models"),
        ("VEDETTE_MODEL_CACHE", "/cache", "model_cache", Path("/cache")),
        ("VEDETTE_MODEL_CACHE_BYTES", "512m", "model_cache_bytes", 512 * MIB),
        ("VEDETTE_TASK_IMAGES", "8", "task_images", 8),
        # Compose writes an empty variable for `${NAME:-}`: it counts as not set.
        ("VEDETTE_MODEL_STORE", "", "model_store", None),
        ("VEDETTE_LEASE", "", "lease", timedelta(seconds=15)),
    ],
)
def test_variables_as_operators_write_them(monkeypatch, variable, text, field, value):
    monkeypatch.setenv(variable, text)

    assert getattr(load_settings(), field) == value


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("VEDETTE_REDIS_URL", "http://host", "expected a Redis URL such as redis://host:6379/0"),
        ("VEDETTE_REDIS_URL", "localhost:6379", "expected a Redis URL such as redis://host:6379/0"),
        ("VEDETTE_REDIS_URL", "redis://host:port/0", "expected a Redis URL such as redis://host:6379/0"),
        ("VEDETTE_REDIS_URL", "redis://[host/0", "expected a Redis URL such as redis://host:6379/0"),
        ("VEDETTE_REDIS_URL", "sentinel://one;sentinel://two", "or redis+sentinel://host:26379,host:26379/service/0"),
        ("VEDETTE_REDIS_URL", "redis+sentinel://one:26379/", "it names no service"),
        ("VEDETTE_LEASE", "soon", "Input should be a valid timedelta"),
        ("VEDETTE_LEASE", "-3", "expected a duration above zero, such as 30 or PT30S"),
        ("VEDETTE_LEASE", "0", "expected a duration above zero, such as 30 or PT30S"),
        ("VEDETTE_LEASE", "inf", "Input should be a valid timedelta"),
        ("VEDETTE_LEASE", "1e30", "Input should be a valid timedelta"),
        ("VEDETTE_ATTEMPTS_MAX", "0", "Input should be greater than or equal to 1"),
        ("VEDETTE_ATTEMPTS_MAX", "many", "Input should be a valid integer"),
        ("VEDETTE_TASK_IMAGES", "10001", "Input should be less than or equal to 10000"),
        ("VEDETTE_IMAGE_BYTES_MAX", "big", "'big' is no amount of memory; write for example 512m, 1.5g or 4GiB"),
        ("VEDETTE_MODEL_STORE", "s3://", "expected a directory, or a URL without a query such as https://host/models"),
        ("VEDETTE_MODEL_STORE", "file://host/models", "expected a directory, or a URL"),
        ("VEDETTE_MODEL_CACHE_BYTES", "0", "'0' is no amount of memory"),
        ("VEDETTE_IMAGE_HOSTS", "https://host", "'https://host' is no host; expected for example images.example.org"),
        ("VEDETTE_IMAGE_HOSTS", "a.org,*", "'*' is no host"),
        ("VEDETTE_IMAGE_HOSTS", "*.10.0.0.1", "'*.10.0.0.1' is no host"),
        ("VEDETTE_IMAGE_HOSTS", "127.1", "'127.1' is no host"),
        ("VEDETTE_IMAGE_HOSTS", "host:0", "'host:0' is no host"),
        ("VEDETTE_IMAGE_BUCKETS", "plates/../x", "'plates/../x' is no bucket; expected for example plates"),
        ("VEDETTE_IMAGE_BUCKETS", "ftp://plates", "'ftp://plates' is no bucket"),
        ("VEDETTE_IMAGE_PRIVATE", "10.2.3.4/16", "expected for example 10.2.0.0/16"),
        ("VEDETTE_WEBHOOK_HOSTS", "https://host", "is no host; expected for example images.example.org"),
        ("VEDETTE_WEBHOOK_PRIVATE", "10.2.3.4/16", "expected for example 10.2.0.0/16"),
        ("VEDETTE_IMAGE_ROOTS", "images", "expected absolute directories separated by ':'"),
        ("VEDETTE_IMAGE_ROOTS", ":", "expected absolute directories separated by ':'"),
    ],
)
def test_an_error_names_variable_value_and_expectation(monkeypatch, variable, text, expected):
    monkeypatch.setenv(variable, text)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value).startswith(f"{variable}={text}: ")
    assert expected in str(refused.value)
    assert refused.value.code == "settings_invalid"


def test_every_wrong_variable_is_named_on_a_line_of_its_own(monkeypatch):
    monkeypatch.setenv("VEDETTE_LEASE", "soon")
    monkeypatch.setenv("VEDETTE_ATTEMPTS_MAX", "0")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert [line.partition("=")[0] for line in str(refused.value).splitlines()] == [
        "VEDETTE_LEASE",
        "VEDETTE_ATTEMPTS_MAX",
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        (
            {"VEDETTE_LEASE": "10", "VEDETTE_LEASE_RENEWAL": "5.1"},
            {"VEDETTE_LEASE": "10", "VEDETTE_LEASE_RENEWAL": "5"},
            "VEDETTE_LEASE_RENEWAL=5.1 s: expected at most half of VEDETTE_LEASE (10 s)",
        ),
        (
            {"VEDETTE_ADVERT_LIFETIME": "10", "VEDETTE_UPKEEP": "6"},
            {"VEDETTE_ADVERT_LIFETIME": "10", "VEDETTE_UPKEEP": "5"},
            "VEDETTE_UPKEEP=6 s: expected at most half of VEDETTE_ADVERT_LIFETIME (10 s)",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(monkeypatch, wrong, right, message):
    for variable, text in wrong.items():
        monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == message

    for variable, text in right.items():
        monkeypatch.setenv(variable, text)
    load_settings()


def test_an_override_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("VEDETTE_LEASE", "30")

    assert load_settings(lease=timedelta(seconds=20)).lease == timedelta(seconds=20)


def test_a_wrong_redis_url_does_not_show_its_password(monkeypatch):
    monkeypatch.setenv("VEDETTE_REDIS_URL", "rdis://:secret@host:6379/0")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert "rdis://:***@host:6379/0" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_wrong_model_store_does_not_show_its_secrets(monkeypatch):
    monkeypatch.setenv("VEDETTE_MODEL_STORE", "https://me:secret@host/models?token=hidden")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value).startswith("VEDETTE_MODEL_STORE=https://me:***@host/models: expected a directory")


def test_the_operators_table_has_every_setting_and_no_document_has_another():
    docs = Path(__file__).parents[3] / "docs"
    settings = {f"VEDETTE_{name.upper()}" for name in Settings.model_fields}
    table = re.findall(r"^\| (`VEDETTE_.*?) \|", (docs / "operations.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = {
        name for path in docs.glob("*.md") for name in re.findall(r"VEDETTE_[A-Z_]*[A-Z]", path.read_text("utf-8"))
    }

    assert {name for row in table for name in re.findall(r"VEDETTE_[A-Z_]+", row)} == settings
    assert named - settings <= {"VEDETTE_ZOO_URL"}  # an option of `vedette models add`
