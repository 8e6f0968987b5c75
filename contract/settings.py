"""Settings of every process of Vedette, from `VEDETTE_*` environment variables.

One class for both wings, so that a lease that the worker renews is the lease that the reconciler waits for. Nothing
reads the environment at import: call `load_settings()` at the start of a process and hand the result on.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from redis.connection import parse_url

from contract.addresses import parse_network
from contract.errors import SettingsError
from contract.memory import GIB, parse_bytes
from contract.reference_policy import Policy, parse_bucket_rule, parse_host_rule
from contract.sentinel_url import SentinelAddress, is_sentinel_url, parse_sentinel_url
from contract.urls import parse_place, shown_address, shown_url

PREFIX: Final = "VEDETTE_"
_ROOTS: Final = "expected absolute directories separated by ':'"


class Settings(BaseSettings):
    """Durations are seconds or ISO 8601 (`30`, `PT30S`, `P7D`); amounts of memory are `512m`, `1.5g` or bytes."""

    # An empty variable counts as not set: Compose writes one for `${NAME:-}`.
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    #: Redis that holds the queues, the ledger and the registry. Behind Sentinel: see `contract.sentinel_url`.
    redis_url: str = "redis://127.0.0.1:6379/0"
    #: How long jobs, tasks and results stay readable after their last change.
    result_lifetime: timedelta = timedelta(days=7)
    #: How long a task stays claimed without a sign of life from its slot.
    lease: timedelta = timedelta(seconds=15)
    #: How often a slot renews its lease.
    lease_renewal: timedelta = timedelta(seconds=4)
    #: How long an advert is believed after its last refresh; then the worker counts as gone.
    advert_lifetime: timedelta = timedelta(seconds=15)
    #: How often a worker refreshes its advert and looks for queues that came into use.
    upkeep: timedelta = timedelta(seconds=2)
    #: How long a queue counts as in use, and a model as known, after it was last used or seen.
    registry_lifetime: timedelta = timedelta(days=30)
    #: How long a doorbell may stay silent before the reconciler rings again.
    bell_patience: timedelta = timedelta(seconds=20)
    #: How often one task may be claimed before its remaining images are given up.
    attempts_max: int = Field(default=20, ge=1, le=100)
    #: How long one attempt at a task may take. Between batches it is ended softly; after twice this, its process is.
    task_timeout: timedelta = timedelta(minutes=30)
    #: Images in one task, the unit of delivery. Smaller spreads better, larger rings less.
    task_images: int = Field(default=32, ge=1, le=10_000)
    #: Models, laid out <name>/<version>/{saved_model.pb, model.toml}: a directory or a URL; None: the bundled ones.
    model_store: Path | str | None = None
    #: Where workers keep models of a store that is a URL; None: the user's cache directory.
    model_cache: Path | None = None
    #: Bytes of models that stay there. The least recently used go first.
    model_cache_bytes: int = Field(default=20 * GIB, ge=1)
    #: Directories that image paths may lie in, after links are followed. None, unless listed, separated by ":".
    image_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    #: Hosts that images may be fetched from by http(s): `host`, `*.domain`, with `:port` for another than 80 and 443.
    #: None, unless listed. This and the next two are separated by "," in the environment.
    image_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    #: Buckets that images may be read from: `bucket`, `bucket/prefix`, with `s3://` or `gs://` for one kind only.
    image_buckets: Annotated[tuple[str, ...], NoDecode] = ()
    #: Networks inside (loopback, private, …) that those hosts may have addresses in.
    image_private: Annotated[tuple[str, ...], NoDecode] = ()
    #: Hosts that may be told of the end of a job, as above. None, unless listed.
    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    #: Networks inside that those hosts may have addresses in.
    webhook_private: Annotated[tuple[str, ...], NoDecode] = ()
    #: TOML file of what deliveries are signed with, see `producer.webhooks.secrets_file`; None: none are.
    webhook_secrets_file: Path | None = None
    #: How long after the first attempt a delivery is given up.
    webhook_patience: timedelta = timedelta(days=1)
    #: Encoded size above which an image is refused unread.
    image_bytes_max: int = 256 * 1024**2
    #: Width × height above which an image is refused undecoded.
    image_pixels_max: int = Field(default=2**29, ge=1)
    #: Bytes of uploaded images that Redis keeps at once, of all producers.
    blob_bytes: int = Field(default=GIB, ge=1)
    #: How long an uploaded image is kept after a job last referred to it.
    blob_lifetime: timedelta = timedelta(days=1)
    #: TOML file of who may use the HTTP gateway, see `producer.gateway.api_keys`; None: everybody who reaches it.
    api_keys_file: Path | None = None
    #: What log lines of workers and gateway look like. `auto`: `text` on a terminal, `json` elsewhere.
    log: Literal["auto", "text", "json"] = "auto"
    #: Where a browser finds the fleet page of the gateway, `https://gateway.example.org/fleet`: Flower links to it.
    fleet_url: str | None = None
    #: How long the preflight of a starting worker may take, TensorFlow's import included.
    preflight_timeout: timedelta = timedelta(seconds=180)
    #: Touched by a worker at each upkeep, for health checks of containers (`workers.steps.alive`); None: no such file.
    alive_file: Path | None = None

    @property
    def sentinel(self) -> SentinelAddress | None:
        """None when `redis_url` is the address of a Redis itself."""
        return parse_sentinel_url(self.redis_url) if is_sentinel_url(self.redis_url) else None

    @property
    def image_policy(self) -> Policy:
        return Policy(
            hosts=tuple(map(parse_host_rule, self.image_hosts)),
            buckets=tuple(map(parse_bucket_rule, self.image_buckets)),
            private=tuple(map(parse_network, self.image_private)),
        )

    @property
    def webhook_policy(self) -> Policy:
        return Policy(
            hosts=tuple(map(parse_host_rule, self.webhook_hosts)),
            private=tuple(map(parse_network, self.webhook_private)),
            listed_by="VEDETTE_WEBHOOK_",
            listed_for="producers, workers and gateways",
        )

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, url: str) -> str:
        if is_sentinel_url(url):
            parse_sentinel_url(url)
            return url
        try:
            parse_url(url)
        except ValueError:
            expected = (
                "expected a Redis URL such as redis://host:6379/0, rediss://…, unix:///path "
                "or redis+sentinel://host:26379,host:26379/service/0"
            )
            raise ValueError(expected) from None
        return url

    @field_validator("fleet_url")
    @classmethod
    def _fleet_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://", "/")):
            raise ValueError("expected an address such as https://gateway.example.org/fleet")
        return url

    @field_validator("model_store", mode="before")
    @classmethod
    def _store_place(cls, value: Any) -> Any:
        return parse_place(value) if isinstance(value, str) else value

    @field_validator("image_bytes_max", "model_cache_bytes", "blob_bytes", mode="before")
    @classmethod
    def _amount(cls, value: Any) -> Any:
        return parse_bytes(value) if isinstance(value, str) else value

    @field_validator("image_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        roots = tuple(Path(part) for part in value.split(os.pathsep) if part)
        if not roots:
            raise ValueError(_ROOTS)
        return roots

    @field_validator("image_hosts", "image_buckets", "image_private", "webhook_hosts", "webhook_private", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("image_hosts", "image_buckets", "image_private", "webhook_hosts", "webhook_private")
    @classmethod
    def _openings(cls, entries: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        read = {"hosts": parse_host_rule, "buckets": parse_bucket_rule, "private": parse_network}
        for entry in entries:
            read[(info.field_name or "").rpartition("_")[2]](entry)
        return entries

    @field_validator("image_roots")
    @classmethod
    def _roots_are_absolute(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        if not all(root.is_absolute() for root in roots):
            raise ValueError(_ROOTS)
        return roots

    @field_validator("*", mode="before")
    @classmethod
    def _plain_seconds(cls, value: Any, info: ValidationInfo) -> Any:
        """The environment has text only: `30` is thirty seconds where a duration is expected."""
        is_duration = cls.model_fields[info.field_name or ""].annotation is timedelta
        if not is_duration or not isinstance(value, str):
            return value
        try:
            return timedelta(seconds=float(value))
        except (ValueError, OverflowError):
            return value  # ISO 8601, or an error that names the variable

    @field_validator("*")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if isinstance(value, timedelta) and value <= timedelta(0):
            raise ValueError("expected a duration above zero, such as 30 or PT30S")
        return value

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.lease_renewal * 2 > self.lease:
            raise SettingsError(_unlike("LEASE_RENEWAL", self.lease_renewal, "at most half of", "LEASE", self.lease))
        if self.upkeep * 2 > self.advert_lifetime:
            raise SettingsError(
                _unlike("UPKEEP", self.upkeep, "at most half of", "ADVERT_LIFETIME", self.advert_lifetime)
            )
        return self


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, `overrides` first. SettingsError names variable, value and what was expected."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(dict(item)) for item in error.errors())) from None


def _explain(item: dict[str, Any]) -> str:
    name = PREFIX + str(item["loc"][0]).upper() if item["loc"] else PREFIX + "*"
    shown = shown_address if name == PREFIX + "MODEL_STORE" else shown_url
    return f"{name}={shown(str(item['input']))}: {item['msg'].removeprefix('Value error, ')}"


def _unlike(name: str, value: timedelta, relation: str, other: str, bound: timedelta) -> str:
    return (
        f"{PREFIX}{name}={value.total_seconds():g} s: expected {relation} {PREFIX}{other} ({bound.total_seconds():g} s)"
    )
