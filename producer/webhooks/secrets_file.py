"""The file of what deliveries are signed with, by receiver: who knows another one's secret can speak in our name to it.

    [[webhook]]
    host = "hooks.example.org"     # as in VEDETTE_WEBHOOK_HOSTS; left out: every host that has no entry before
    secrets = ["whsec_…"]          # each signs, so that a receiver can change from one to the next

`vedette gateway --new-webhook-secret HOST` makes one. They stand here as they are, for a signature needs them; they are
neither logged nor written to Redis.
"""

import base64
import binascii
import secrets as random_bytes
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contract.errors import SettingsError
from contract.reference_policy import parse_host_rule
from contract.references import HttpReference
from producer.toml_file import read_toml

PREFIX: Final = "whsec_"
#: As the standard has it.
_BYTES_MIN, _BYTES_MAX = 24, 64
_NEW_BYTES: Final = 32


def _host(text: str) -> str:
    parse_host_rule(text)
    return text


def _secret(text: str) -> str:
    decode(text)
    return text


class HostSecrets(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    #: None: every host.
    host: Annotated[str, AfterValidator(_host)] | None = None
    secrets: tuple[Annotated[str, AfterValidator(_secret)], ...] = Field(min_length=1, max_length=8, repr=False)

    def covers(self, reference: HttpReference) -> bool:
        if self.host is None:
            return True
        rule = parse_host_rule(self.host)
        return rule.names(reference.host) and rule.port in (None, reference.port)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    webhook: list[HostSecrets] = Field(min_length=1)


def decode(secret: str) -> bytes:
    """The bytes of `whsec_` and base64; ValueError says what was expected, and not what was given."""
    try:
        raw = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not secret.startswith(PREFIX) or not _BYTES_MIN <= len(raw) <= _BYTES_MAX:
        raise ValueError(f"expected {PREFIX} and base64 of {_BYTES_MIN} to {_BYTES_MAX} random bytes")
    return raw


def secrets_for(entries: Sequence[HostSecrets], reference: HttpReference) -> list[bytes]:
    """Of the first entry that covers where it goes; empty when none does."""
    covering = next((entry for entry in entries if entry.covers(reference)), None)
    return [] if covering is None else [decode(secret) for secret in covering.secrets]


def new_secret(host: str) -> tuple[str, str]:
    """A secret, to be told once to the receiver, and the lines of the file that sign with it."""
    secret = PREFIX + base64.b64encode(random_bytes.token_bytes(_NEW_BYTES)).decode()
    try:
        parse_host_rule(host)
    except ValueError as error:
        raise SettingsError(f"--new-webhook-secret {host!r}: {error}") from None
    return secret, f'[[webhook]]\nhost = "{host}"\nsecrets = ["{secret}"]\n'


def read_secrets(path: Path) -> tuple[HostSecrets, ...]:
    """SettingsError names the file, the place and what was expected, and no secret."""
    return tuple(read_toml(path, _File, f"VEDETTE_WEBHOOK_SECRETS_FILE={path}").webhook)
