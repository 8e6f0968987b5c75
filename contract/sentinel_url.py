"""The address of a Redis behind Sentinel, all of it in one URL. Pure.

    redis+sentinel://[user:password@]host[:port][,host[:port]…]/service[/db][?option=value&…]
    rediss+sentinel://…                     TLS, to the Sentinels and to the servers that they watch

The spelling is that of Redis-Sentinel-Url, docket, Prefect and LangChain. `host`s are Sentinels, `service` is the name
that they know the master by. User and password are those of the servers; the Sentinels' own, if they have any, are
options. An option that nobody knows is refused: a misspelt password would only be noticed in the first failover.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

from redis.connection import parse_url

SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
EXPECTED: Final = "expected redis+sentinel://[user:password@]host:26379,host:26379/service/db"
PORT: Final = 26379

_OPTIONS: Final = frozenset({"sentinel_username", "sentinel_password", "replicas"})
_TLS_OPTIONS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"})


@dataclass(frozen=True)
class SentinelAddress:
    """Its text shows no password: Celery shows its configuration to whoever asks a worker."""

    #: (host, port) of each.
    sentinels: tuple[tuple[str, int], ...]
    #: The name that they know the master by.
    service: str
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    #: redis-py's `ssl_…` arguments; None without TLS.
    tls: Mapping[str, Any] | None = None
    #: How many replicas must have a job before its submission counts. 0: none, a failover may lose it.
    replicas: int = 1


def is_sentinel_url(url: str) -> bool:
    return url.partition("://")[0].lower() in SCHEMES


def parse_sentinel_url(url: str) -> SentinelAddress:
    """ValueError says what was expected, and repeats no part of `url` that may be a password."""
    scheme, _, rest = url.partition("://")
    location, _, query = rest.partition("?")
    authority, _, path = location.partition("/")
    userinfo, _, hosts = authority.rpartition("@")
    username, colon, password = userinfo.partition(":")
    service, _, db = path.partition("/")
    if "@" in path + query:  # the rest of a password with a slash in it would be taken for what it is not, and shown
        raise ValueError(f"/, ? and @ in a password or an option are written %2F, %3F and %40; {EXPECTED}")
    if not service:
        raise ValueError(f"it names no service, the name that the Sentinels know the master by; {EXPECTED}")
    options = _options(query, tls=scheme.lower().startswith("rediss"))
    return SentinelAddress(
        sentinels=tuple(_host_and_port(host) for host in hosts.split(",")),
        service=unquote(service),
        db=_number("db", db or "0"),
        username=unquote(username) or None,
        password=unquote(password) if colon else None,
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
        tls=_tls(options) if scheme.lower().startswith("rediss") else None,
        replicas=_number("replicas", options.get("replicas", "1")),
    )


def kombu_url(address: SentinelAddress) -> str:
    """The first Sentinel in kombu's spelling: what Celery shows, and where it finds database, user and password."""
    host, port = address.sentinels[0]
    userinfo = quote(address.username or "", safe="")
    if address.password is not None:
        userinfo += ":" + quote(address.password, safe="")
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"sentinel://{userinfo}{'@' if userinfo else ''}{where}/{address.db}"


def _options(query: str, *, tls: bool) -> dict[str, str]:
    known = _OPTIONS | (_TLS_OPTIONS if tls else frozenset())
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(options) - known)
    if unknown:
        needs_tls = ", and rediss+sentinel:// for ssl_…" if _TLS_OPTIONS & set(unknown) else ""
        raise ValueError(f"the option {unknown[0]!r} is not known; expected {', '.join(sorted(known))}{needs_tls}")
    return options


def _tls(options: Mapping[str, str]) -> dict[str, Any]:
    """As redis-py reads them from a URL of its own. Never empty, for kombu takes that for no TLS."""
    given = "&".join(f"{name}={value}" for name, value in options.items() if name in _TLS_OPTIONS)
    parsed = parse_url(f"rediss://host?{given}")
    return {"ssl_cert_reqs": "required", **{name: value for name, value in parsed.items() if name in _TLS_OPTIONS}}


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):  # no port, or the colons of an IPv6 address
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or ("[" in text) != ("]" in text) or (":" in host and "[" not in text):
        raise ValueError(f"{text!r} is no host:port of a Sentinel; {EXPECTED}")
    number = _number("port", port)
    if not 0 < number < 65536:
        raise ValueError(f"port {number} of {text!r} does not exist; {EXPECTED}")
    return unquote(host), number


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name} is {text!r}, which is no number; {EXPECTED}")
    return int(text)
