"""Fetches an image over http(s) from a host that is allowed, and from nowhere else.

A name is resolved once, every address that it has is judged (`contract.addresses`), and the connection goes to an
address that was judged: a resolver that answers differently the next time is not asked. Redirects are followed by
hand, each judged like the first. Nothing of the environment counts: no proxy, no .netrc, no cookies.

The standard library's http.client, for it takes a socket that is connected already and bounds every line it reads. A
host that is allowed may still be slow, endless or broken: the time of the whole and the bytes are bounded too.
"""

import functools
import http.client
import io
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, urljoin

from contract.addresses import Address, parse_address
from contract.memory import format_bytes
from contract.reference_policy import Policy, check_address, check_reference
from contract.references import HttpReference, ReferenceRefused, parse_reference
from contract.urls import shown_address
from workers.images.errors import ImageError

_CHUNK_BYTES: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: Too early, too many, timeouts and trouble of the server: may pass.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class FetchLimits:
    bytes_max: int
    connect_timeout_s: float = 5
    #: Longest silence of a server that is asked.
    read_timeout_s: float = 10
    #: Of one image, redirects and all. 32 images of a task that all take this long stay below VEDETTE_TASK_TIMEOUT.
    total_s: float = 45
    redirects: int = 5


def fetch(reference: HttpReference, policy: Policy, limits: FetchLimits) -> bytes:
    """The bytes at `reference`; ImageError says why there are none, ReferenceRefused why nobody asked for them."""
    ends_s = time.monotonic() + limits.total_s
    for _ in range(limits.redirects + 1):
        check_reference(reference, policy)
        addresses = resolve(reference)
        for address in addresses:
            check_address(address, reference, policy)
        with _Exchange(reference, addresses, limits, ends_s) as exchange:
            answer = exchange.ask()
            if answer.status not in _REDIRECTS:
                return exchange.read(answer)
            location = answer.getheader("Location", "")
        reference = _next(reference, location)
    raise ReferenceRefused("redirects", reference.uri, f"there were more than {limits.redirects} redirects")


def resolve(reference: HttpReference) -> Sequence[Address]:
    """Every address of the host, as the resolver prefers them."""
    literal = parse_address(reference.host)
    if literal is not None:
        return [literal]
    try:
        found = socket.getaddrinfo(reference.host, reference.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise unreachable(reference.uri, "the name of its host is not known (DNS)") from None
    addresses = [parse_address(str(entry[4][0])) for entry in found]
    if not addresses or None in addresses:
        raise unreachable(reference.uri, "its host has no address")
    return list(dict.fromkeys(address for address in addresses if address is not None))


def unreachable(uri: str, why: str) -> ImageError:
    return ImageError("unreachable", f"{shown_address(uri)}: {why}; it may be there later")


def too_large(uri: str, size_bytes: int | None, bytes_max: int) -> ImageError:
    has = f"has {format_bytes(size_bytes)}" if size_bytes is not None else "is larger than allowed"
    return ImageError(
        "image_too_large",
        f"{shown_address(uri)} {has}, the limit is {format_bytes(bytes_max)} (VEDETTE_IMAGE_BYTES_MAX)",
    )


def _next(reference: HttpReference, location: str) -> HttpReference:
    """Where a redirect leads; what is no http(s) any more is refused, before anybody asks whether it is allowed."""
    if not location:
        raise ImageError("image_unreadable", f"{shown_address(reference.uri)}: a redirect to nowhere")
    # http.client reads headers as Latin-1. urljoin would take control characters away without a word.
    target = re.sub(r"[^\x00-\x7f]+", lambda part: quote(part[0], encoding="latin-1"), location)
    if re.search(r"[\x00-\x20\x7f\\]", target):
        raise ReferenceRefused("spelling", reference.uri, "it redirects to an address with odd characters")
    try:
        following = parse_reference(urljoin(reference.uri, target))
    except ReferenceRefused:
        raise
    except ValueError:
        raise ReferenceRefused("spelling", reference.uri, "it redirects to what is no address") from None
    if not isinstance(following, HttpReference):
        raise ReferenceRefused("scheme", reference.uri, "it redirects to what is not http(s)")
    return following


class _Exchange:
    """One question to one server, cut off when the time of the whole is over: also between two bytes of a header."""

    def __init__(
        self, reference: HttpReference, addresses: Sequence[Address], limits: FetchLimits, ends_s: float
    ) -> None:
        self._reference, self._addresses = reference, addresses
        self._limits, self._ends_s = limits, ends_s
        self._socket: socket.socket | None = None
        self._answer: http.client.HTTPResponse | None = None
        self._connection = http.client.HTTPConnection(reference.host, reference.port)
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._cut_off_in_time, name="image-fetch", daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._answer is not None:  # which has the connection for itself, and may not be read to its end
            self._answer.close()
        self._connection.close()
        if self._socket is not None:
            self._socket.close()
        self._watch.join()

    def ask(self) -> http.client.HTTPResponse:
        headers = {
            "Host": self._reference.authority,
            "Accept": "image/*",
            "Accept-Encoding": "identity",
            "User-Agent": "vedette",
            "Connection": "close",
        }
        try:
            self._connect()
            self._connection.request("GET", self._reference.target, headers=headers)
            self._answer = self._connection.getresponse()
            return self._answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failed(error) from None

    def read(self, answer: http.client.HTTPResponse) -> bytes:
        uri, limit = self._reference.uri, self._limits.bytes_max
        _judge(answer.status, uri)
        length = answer.getheader("Content-Length", "")
        size_bytes = int(length) if re.fullmatch(r"[0-9]{1,18}", length) and answer.length is not None else None
        if size_bytes is not None and size_bytes > limit:
            raise too_large(uri, size_bytes, limit)
        data = io.BytesIO()
        try:
            while chunk := answer.read(min(_CHUNK_BYTES, limit + 1 - data.tell())):
                data.write(chunk)
                if data.tell() > limit:
                    raise too_large(uri, None, limit)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failed(error) from None
        if self._over:  # cut off by ourselves, which without a length looks like the end
            raise self._failed(TimeoutError())
        if size_bytes is not None and data.tell() < size_bytes:
            raise unreachable(uri, f"the connection broke after {data.tell()} of {size_bytes} bytes")
        if data.tell() == 0:
            raise ImageError("image_empty", f"{shown_address(uri)} is empty (0 bytes)")
        return data.getvalue()

    def _connect(self) -> None:
        """To the first address that takes the connection; never by name."""
        for place, address in enumerate(self._addresses, 1):
            left_s = self._ends_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            timeout_s = min(self._limits.connect_timeout_s, left_s)
            try:
                plain = socket.create_connection((str(address), self._reference.port), timeout_s)
                break
            except OSError:
                if place == len(self._addresses):
                    raise
        self._socket = plain
        plain.settimeout(min(self._limits.read_timeout_s, left_s))
        if self._reference.scheme == "https":
            context = _tls(os.environ.get("REQUESTS_CA_BUNDLE"))
            # Not at once: wrapped, it is out of the watch's reach until the handshake is over.
            wrapped = context.wrap_socket(plain, server_hostname=self._reference.host, do_handshake_on_connect=False)
            self._socket = wrapped
            wrapped.do_handshake()
        self._connection.sock = self._socket

    @property
    def _over(self) -> bool:
        return time.monotonic() >= self._ends_s

    def _cut_off_in_time(self) -> None:
        left_s = self._ends_s - time.monotonic()
        while not self._done.wait(max(left_s, 0.1)):
            left_s = 0
            if self._socket is not None:
                try:
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                except OSError:
                    continue  # not connected, or closed meanwhile

    def _failed(self, error: Exception) -> ImageError:
        uri, limits = self._reference.uri, self._limits
        if self._over:
            return unreachable(uri, f"not there after {limits.total_s:g} s")
        if isinstance(error, ssl.SSLCertVerificationError):
            return unreachable(
                uri,
                f"no trusted TLS connection: {error.verify_message}; for a certificate authority of your own set "
                "REQUESTS_CA_BUNDLE",
            )
        if isinstance(error, TimeoutError):
            return unreachable(
                uri, f"its host was silent for {limits.read_timeout_s:g} s, or does not take connections"
            )
        if isinstance(error, ConnectionRefusedError):
            return unreachable(uri, "its host refuses connections")
        return unreachable(uri, f"the connection broke ({type(error).__name__})")


def _judge(status: int, uri: str) -> None:
    shown = shown_address(uri)
    if status in (404, 410):
        raise ImageError("image_missing", f"{shown}: not there (HTTP {status})")
    if status in (401, 403):
        raise ImageError("image_forbidden", f"{shown}: the server refuses it (HTTP {status})")
    if status in _PASSING:
        raise unreachable(uri, f"the server answers with HTTP {status}")
    if status != 200:
        raise ImageError("image_unreadable", f"{shown}: the server answers with HTTP {status}")


@functools.cache
def _tls(authorities: str | None) -> ssl.SSLContext:
    """Those that requests trusts, as for models, or a file or directory of the user's."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # opens sockets at import, to look for IPv6

    place = authorities or DEFAULT_CA_BUNDLE_PATH
    is_directory = os.path.isdir(place)  # noqa: PTH112
    return ssl.create_default_context(cafile=None if is_directory else place, capath=place if is_directory else None)
