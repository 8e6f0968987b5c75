"""What an image reference may be. Pure: nothing is opened, resolved or asked. Whether it may be followed, says
`contract.reference_policy`.

    /images/a.jpg                     a path, as it stands
    file:///images/caf%E9.jpg         a path, percent-encoded: the only spelling of a name that is not UTF-8
    https://host/a.jpg, http://…      of the hosts that VEDETTE_IMAGE_HOSTS lists
    s3://bucket/a.jpg, gs://…         of the buckets that VEDETTE_IMAGE_BUCKETS lists
    blob:sha256:<64 digits>           uploaded before: see `contract.blobs`

Whatever two readers could understand differently is refused rather than repaired: it is how filters are passed by.
"""

import os
import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from contract.addresses import parse_address
from contract.urls import shown_address

#: Why a reference is refused. Stable, and the first word of the text.
Reason = Literal[
    "scheme",  # of a kind that is not read here
    "spelling",  # whitespace, control characters, backslashes, or no host where there should be one
    "length",  # longer than any server reads
    "userinfo",  # a user or password before the host
    "host",  # not among VEDETTE_IMAGE_HOSTS
    "port",  # neither 80 nor 443 nor the one listed with the host
    "address",  # its host is inside, and VEDETTE_IMAGE_PRIVATE doesn't list it; or it is an address oddly spelled
    "bucket",  # not among VEDETTE_IMAGE_BUCKETS
    "redirects",  # the server sends on and on
]

LENGTH_MAX: Final = 8192
PORTS: Final = {"http": 80, "https": 443}
OBJECT_SCHEMES: Final = ("s3", "gs")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
#: Also of those without `//` that somebody might try; other colons are part of a file's name.
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:https?|file|s3|gs|data|javascript|blob):", re.IGNORECASE)
_ODD: Final = re.compile(r"[\x00-\x20\x7f\\]")
AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_BLOB: Final = re.compile(r"sha256:([0-9a-f]{64})")
BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")


class ReferenceRefused(ValueError):
    """`str(error)` shows no password, query or fragment."""

    def __init__(self, reason: Reason, uri: str, why: str) -> None:
        super().__init__(f"{shown_address(uri)!r:.200} is refused ({reason}): {why}")
        self.reason = reason


@dataclass(frozen=True)
class FileReference:
    #: Absolute; bytes that are not UTF-8 as `os.fsdecode` gives them.
    path: str


@dataclass(frozen=True)
class HttpReference:
    scheme: Literal["http", "https"]
    #: Lower case, without brackets or a closing dot.
    host: str
    port: int
    #: Path and query; ASCII.
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True)
class ObjectReference:
    scheme: Literal["s3", "gs"]
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class BlobReference:
    #: SHA-256, hexadecimal, lower case.
    digest: str

    @property
    def uri(self) -> str:
        return f"blob:sha256:{self.digest}"


Reference: TypeAlias = FileReference | HttpReference | ObjectReference | BlobReference


def looks_like_address(text: str) -> bool:
    """Whether somebody who wrote `text` for an image meant an address rather than the path of a file."""
    return _ADDRESS.match(text) is not None


def file_uri(path: str | os.PathLike[str]) -> str:
    """An absolute path as an ImageRef has it: as it stands, or percent-encoded where JSON cannot carry it."""
    raw = os.fsencode(path)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "file://" + quote(raw)


def parse_reference(uri: str) -> Reference:
    """`uri` in its parts; ReferenceRefused when it is no reference that any setting could open."""
    if uri.startswith("/"):
        return FileReference(uri)
    match = _SCHEME.fullmatch(uri)
    if match is None:
        raise ReferenceRefused("spelling", uri, "expected an absolute path or an address")
    if len(uri) > LENGTH_MAX:
        raise ReferenceRefused("length", uri[:100], f"it has {len(uri)} characters, the limit is {LENGTH_MAX}")
    scheme, rest = match[1].lower(), match[2]
    if scheme == "blob":
        blob = _BLOB.fullmatch(rest)
        if blob is None:
            raise ReferenceRefused("spelling", uri, "expected blob:sha256: and 64 digits in lower case")
        return BlobReference(blob[1])
    if scheme != "file" and scheme not in PORTS and scheme not in OBJECT_SCHEMES:
        raise ReferenceRefused("scheme", uri, f"no images are read from {scheme}:; expected a path, https, s3 or gs")
    if _ODD.search(uri):
        raise ReferenceRefused("spelling", uri, "percent-encode whitespace, control characters and backslashes")
    if not rest.startswith("//"):
        raise ReferenceRefused("spelling", uri, f"expected {scheme}://")
    if scheme == "file":
        return _file(uri, rest[2:])
    if scheme in OBJECT_SCHEMES:
        return _object(uri, scheme, rest[2:])
    return _http(uri, scheme, rest[2:])


def _file(uri: str, rest: str) -> FileReference:
    host, slash, path = rest.partition("/")
    if host.lower() not in ("", "localhost") or not slash or "?" in path or "#" in path:
        raise ReferenceRefused("spelling", uri, "expected file:///absolute/path, with ? and # percent-encoded")
    try:
        return FileReference(os.fsdecode(b"/" + unquote_to_bytes(path)))  # once: %252e stays %2e
    except UnicodeEncodeError:
        raise ReferenceRefused("spelling", uri, "expected percent-encoded bytes") from None


def _object(uri: str, scheme: str, rest: str) -> ObjectReference:
    bucket, _, key = rest.partition("/")
    if "@" in bucket:
        raise ReferenceRefused("userinfo", uri, "credentials belong to the worker")
    if not BUCKET.fullmatch(bucket) or not is_plain_key(key):
        raise ReferenceRefused(
            "spelling", uri, f"expected {scheme}://bucket/key, without empty, `.` and `..` parts, `::`, `?` and `#`"
        )
    return ObjectReference("s3" if scheme == "s3" else "gs", bucket, key)


def is_plain_key(key: str) -> bool:
    """fsspec reads `::` as a chain of file systems, and s3fs a version behind `?`."""
    parts = key.split("/")
    return not any(part in ("", ".", "..") for part in parts) and not re.search(r"::|[?#\x00-\x1f\x7f\\]", key)


def _http(uri: str, scheme: str, rest: str) -> HttpReference:
    authority, target = re.fullmatch(r"([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if "@" in authority:
        raise ReferenceRefused("userinfo", uri, "no user or password is sent; allow the host to be read without one")
    match = AUTHORITY.fullmatch(authority)
    host = host_of(match["host"]) if match else None
    if match is None or host is None:
        number = match is not None and re.search(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?$", match["host"])
        if number or authority.startswith("["):
            raise ReferenceRefused("address", uri, "an address must be spelled as 192.0.2.7 or [2001:db8::7]")
        raise ReferenceRefused("spelling", uri, "expected a host name in ASCII (xn--… for others)")
    port = int(match["port"]) if match["port"] else PORTS[scheme]
    target = target.partition("#")[0]
    target = target if target.startswith("/") else "/" + target
    try:
        target = re.sub(r"[^\x00-\x7f]+", lambda part: quote(part[0]), target)
    except UnicodeEncodeError:
        raise ReferenceRefused("spelling", uri, "expected percent-encoded bytes") from None
    return HttpReference("http" if scheme == "http" else "https", host, port, target)


def host_of(text: str) -> str | None:
    """The one spelling of a host; None for what is none, and for numbers that only some read as an address."""
    if text.startswith("["):
        address = parse_address(text[1:-1])
        return str(address) if address is not None and address.version == 6 else None
    host = text.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    # Also hexadecimal and with fewer parts: what ends in a number is an address to every resolver.
    if labels[-1].isdecimal() or labels[-1].startswith("0x"):
        return host if parse_address(host) is not None else None
    return host
