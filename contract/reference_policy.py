"""Which references may be followed: the hosts, buckets and networks that settings list. Pure.

Of images, and of webhooks, each by lists of its own. What a reference is, and why one is refused, stands in
`contract.references`. Producers ask before anything is queued, workers before they read: workers count. What needs a
file system (links, `..`) or a resolver is decided in `workers.images`, by the rules of `contract.addresses`.
"""

from dataclasses import dataclass
from typing import Final

from contract.addresses import Address, Network, parse_address, why_closed
from contract.references import (
    AUTHORITY,
    BUCKET,
    OBJECT_SCHEMES,
    PORTS,
    HttpReference,
    ObjectReference,
    Reference,
    ReferenceRefused,
    host_of,
    is_plain_key,
)


@dataclass(frozen=True)
class HostRule:
    #: What follows `*` for a wildcard: `.example.org`.
    name: str
    #: None: 80 and 443.
    port: int | None = None

    def names(self, host: str) -> bool:
        return host.endswith(self.name) if self.name.startswith(".") else host == self.name

    def opens(self, port: int) -> bool:
        return port in PORTS.values() if self.port is None else port == self.port


@dataclass(frozen=True)
class BucketRule:
    #: "": whichever.
    scheme: str
    bucket: str
    #: "" or ending in a slash.
    prefix: str

    def opens(self, reference: ObjectReference) -> bool:
        kind = self.scheme in ("", reference.scheme)
        return kind and reference.bucket == self.bucket and reference.key.startswith(self.prefix)


@dataclass(frozen=True)
class Policy:
    """What is open beyond files. Nothing, unless listed."""

    hosts: tuple[HostRule, ...] = ()
    buckets: tuple[BucketRule, ...] = ()
    private: tuple[Network, ...] = ()
    #: How the settings that list it begin, and whose they are: for whoever is refused.
    listed_by: str = "VEDETTE_IMAGE_"
    listed_for: str = "producers and workers"

    def listed(self, name: str) -> str:
        return f"{self.listed_by}{name}, of {self.listed_for}"


NOTHING: Final = Policy()


def check_reference(reference: Reference, policy: Policy) -> None:
    """ReferenceRefused unless `policy` opens `reference`, as far as that can be told without looking anything up."""
    if isinstance(reference, HttpReference):
        named = [rule for rule in policy.hosts if rule.names(reference.host)]
        if not named:
            raise ReferenceRefused(
                "host", reference.uri, f"{reference.host} is not among the hosts allowed ({policy.listed('HOSTS')})"
            )
        if not any(rule.opens(reference.port) for rule in named):
            raise ReferenceRefused(
                "port", reference.uri, f"port {reference.port} is not allowed for this host ({policy.listed('HOSTS')})"
            )
        literal = parse_address(reference.host)
        if literal is not None:
            check_address(literal, reference, policy)
    elif isinstance(reference, ObjectReference) and not any(rule.opens(reference) for rule in policy.buckets):
        raise ReferenceRefused(
            "bucket", reference.uri, f"it is in none of the buckets and prefixes allowed ({policy.listed('BUCKETS')})"
        )


def check_address(address: Address, reference: HttpReference, policy: Policy) -> None:
    """ReferenceRefused when `reference` leads to an address that is closed. Which one is not told."""
    kind = why_closed(address, policy.private)
    if kind is not None:
        raise ReferenceRefused(
            "address", reference.uri, f"its host has an address that is closed: {kind} ({policy.listed('PRIVATE')})"
        )


def parse_host_rule(text: str) -> HostRule:
    """`example.org`, `*.example.org`, with `:8443` for that port and no other; ValueError says what was expected."""
    wildcard = text.startswith("*.")
    match = AUTHORITY.fullmatch(text[2:] if wildcard else text)
    name = host_of(match["host"]) if match else None
    port = int(match["port"]) if match and match["port"] else None
    if name is None or (port is not None and not 0 < port < 2**16) or (wildcard and parse_address(name) is not None):
        raise ValueError(f"{text!r} is no host; expected for example images.example.org, *.example.org or host:8443")
    return HostRule("." + name if wildcard else name, port)


def parse_bucket_rule(text: str) -> BucketRule:
    """`bucket`, `bucket/prefix`, or either with `s3://` or `gs://`; ValueError says what was expected."""
    scheme, mark, place = text.partition("://")
    scheme, place = (scheme, place) if mark else ("", text)
    bucket, _, prefix = place.strip("/").partition("/")
    if scheme not in ("", *OBJECT_SCHEMES) or not BUCKET.fullmatch(bucket) or (prefix and not is_plain_key(prefix)):
        raise ValueError(f"{text!r} is no bucket; expected for example plates, plates/2026 or s3://plates")
    return BucketRule(scheme, bucket, prefix + "/" if prefix else "")
