"""The file of API keys: who may ask, and how much. Only hashes stand in it.

    [[key]]
    name = "line-3"                # for logs and metrics
    sha256 = "9f86d081884c7d65…"   # of the key; `vedette gateway --new-key NAME` makes one
    rate_per_minute = 600          # requests; left out: as many as they like
    max_queued_images = 100000     # without a result, of all of its jobs; left out: the same

A key is 32 random bytes, so a plain hash of it cannot be searched, and needs no salt.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import SettingsError
from producer.toml_file import read_toml

PREFIX: Final = "vdt_"
_KEY_BYTES: Final = 32


class ApiKey(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    rate_per_minute: Annotated[int, Field(ge=1)] | None = None
    max_queued_images: Annotated[int, Field(ge=1)] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: list[ApiKey] = Field(min_length=1)


def new_key(name: str) -> tuple[str, str]:
    """A key, to be told once to whom it is for, and the lines of the file that admit it."""
    key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    try:
        admitted = ApiKey(name=name, sha256=digest(key))
    except ValidationError:
        raise SettingsError(f"--new-key {name!r}: expected a-z, 0-9, - and _, at most 64 of them") from None
    lines = f'[[key]]\nname = "{name}"\nsha256 = "{admitted.sha256}"\n'
    return key, lines + "rate_per_minute = 600\nmax_queued_images = 100000\n"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).hexdigest()


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """SettingsError names the file, the place and what was expected, and no hash."""
    shown = f"VEDETTE_API_KEYS_FILE={path}"
    keys = read_toml(path, _File, shown).key
    for what in ("name", "sha256"):
        if len({getattr(key, what) for key in keys}) < len(keys):
            raise SettingsError(f"{shown}: two keys have the same {what}")
    return tuple(keys)


def find(keys: Sequence[ApiKey], authorization: str | None) -> ApiKey | None:
    """Whose key is in `Authorization: Bearer …`. The time that it takes tells nothing of a key."""
    scheme, _, given = (authorization or "").partition(" ")
    hashed = digest(given.strip())
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, hashed):
            found = key
    return found if scheme.lower() == "bearer" else None
