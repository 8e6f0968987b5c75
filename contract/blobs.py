"""Uploaded images, in Redis: kept under the digest of their bytes, once each, for a while, and no more than so much.

For producers whose files the workers cannot read. A file that was uploaded twice is there once; a job that refers to
it prolongs its lifetime. What is here is read by digest alone, so whoever reads it checks the digest.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import redis

from contract import keys
from contract.errors import BlobsFull
from contract.ledger.base import to_ms
from contract.ledger.scripts import Scripts
from contract.memory import format_bytes
from contract.messages import ImageRef
from contract.references import BlobReference, parse_reference
from contract.settings import Settings

#: Digests in one call, so that Redis stands still for nobody.
_AT_ONCE: Final = 1000


def digest_of(data: bytes) -> str:
    """SHA-256, 64 hexadecimal digits in lower case."""
    return hashlib.sha256(data).hexdigest()


def blob_digests(images: Iterable[ImageRef]) -> dict[str, ImageRef]:
    """The digests that `images` refer to, each with the first image that does."""
    found: dict[str, ImageRef] = {}
    for image in images:
        if image.uri.startswith("blob:"):
            reference = parse_reference(image.uri)
            if isinstance(reference, BlobReference):
                found.setdefault(reference.digest, image)
    return found


class Blobs:
    """`client` must not decode: `contract.connection.connect(settings, binary=True)`."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._redis = client
        self._scripts = Scripts(client)
        self._settings = settings
        self._lifetime_ms = to_ms(settings.blob_lifetime)
        self._lists_ms = max(self._lifetime_ms, to_ms(settings.registry_lifetime))

    def put(self, digest: str, data: bytes) -> int:
        """Keeps `data`, whose digest the caller has computed; BlobsFull when there is no room for it.

        Gives when its lifetime is over, ms by Redis' clock, for `release`; 0 when it was there before.
        """
        if not self.renew([digest]):  # it is there: nothing is sent
            return 0
        limit_bytes = self._settings.blob_bytes
        kept, all_bytes, until_ms = self._scripts.put_blob(
            [keys.blob(digest), keys.BLOBS, keys.BLOB_BYTES],
            [digest, data, self._lifetime_ms, limit_bytes, self._lists_ms],
        )
        if not kept:
            raise BlobsFull(
                f"no room for an upload of {format_bytes(len(data))}: {format_bytes(int(all_bytes))} of "
                f"{format_bytes(limit_bytes)} are taken (VEDETTE_BLOB_BYTES). Uploads are forgotten "
                f"{self._lifetime_ms / 1000:g} s after a job last referred to them (VEDETTE_BLOB_LIFETIME): try again "
                "later, or pass references that the workers can read themselves."
            )
        return int(until_ms)

    def release(self, put: Mapping[str, int]) -> None:
        """Forgets uploads, by digest and what `put` gave, for which there is no job after all.

        Those that somebody else has uploaded or referred to meanwhile stay.
        """
        items = list(put.items())
        for start in range(0, len(items), _AT_ONCE):
            pairs = [part for item in items[start : start + _AT_ONCE] for part in item]
            self._scripts.release_blobs([keys.BLOBS, keys.BLOB_BYTES], [keys.blob("%s"), *pairs])

    def get(self, digest: str, bytes_max: int) -> bytes | None:
        """The bytes, or the first `bytes_max` and one more when there are more; None when they are not there."""
        data: bytes = self._redis.getrange(keys.blob(digest), 0, bytes_max)
        return data or None

    def renew(self, digests: Sequence[str]) -> list[str]:
        """Gives each its whole lifetime again. The ones that are not there."""
        absent: list[str] = []
        for start in range(0, len(digests), _AT_ONCE):
            some = digests[start : start + _AT_ONCE]
            missing = self._scripts.renew_blobs(
                [keys.BLOBS, keys.BLOB_BYTES], [self._lifetime_ms, self._lists_ms, keys.blob("%s"), *some]
            )
            absent += [digest.decode() for digest in missing]
        return absent
