"""Downloads over http(s) that go on where they were cut off.

A download is `<target>.part` until it is whole, with what identifies the server's version of it (ETag or
Last-Modified) in `<target>.part.version`. A later call, in another process too, asks for the rest with Range and
If-Range (RFC 9110, 13.1.5 and 14.2); a server without ranges, or with another version by now, sends all of it anew.
"""

import errno
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contract.errors import ModelSourceError
from contract.memory import GIB, MIB
from contract.urls import shown_address
from workers.remote.disk import lack_of_space

if TYPE_CHECKING:
    import requests

#: Called with bytes that are there and bytes in all, None when the server does not say.
Progress = Callable[[int, int | None], None]

_CHUNK_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)$")
#: Too early, too many, timeouts and trouble of the server: may pass.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotThere(ModelSourceError):
    """The server answers, and has no such file."""


class _CutOff(Exception):
    """This try failed; the next may not."""


@dataclass(frozen=True)
class DownloadLimits:
    bytes_max: int = 20 * GIB
    connect_timeout_s: float = 10
    #: Longest silence of a server that is sending.
    read_timeout_s: float = 60
    #: In a row, without a MiB gained between them.
    tries: int = 4
    #: Before the second try; doubled for each further one.
    backoff_s: float = 1


def quiet(_done_bytes: int, _total_bytes: int | None) -> None:
    """Progress that nobody looks at."""


def download(url: str, target: Path, progress: Progress = quiet, limits: DownloadLimits | None = None) -> None:
    """`url` to the file `target`, whole or not at all. ModelSourceError, or NotThere, says what went wrong.

    A partial file stays after a broken connection, for the next call; it goes when it can't become the file.
    """
    limits = limits or DownloadLimits()
    part = _Part(target)
    tries, best_bytes = 0, part.size_bytes()
    while True:
        try:
            _try(url, part, progress, limits)
            part.finish()
            return
        except _CutOff as failure:
            now_bytes = part.size_bytes()
            tries = 1 if now_bytes >= best_bytes + MIB else tries + 1
            best_bytes = max(best_bytes, now_bytes)
            if tries >= limits.tries:
                raise ModelSourceError(f"{shown_address(url)}: {failure} (tried {tries} times)") from None
            time.sleep(limits.backoff_s * 2 ** (tries - 1))
        except OSError as error:  # of our own files: what the network raises is translated already
            part.drop()
            lacks = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
            raise ModelSourceError(f"{shown_address(url)}: cannot be written to {target.parent}: {lacks}") from None


class _Part:
    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(target.name + ".part")
        self._version = target.with_name(target.name + ".part.version")

    def size_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> str:
        """What the server called the version that the part is of; empty if nothing can be continued."""
        return self._version.read_text(encoding="latin-1") if self.size_bytes() and self._version.exists() else ""

    def begin(self, version: str) -> None:
        self.drop()
        if version:
            self._version.write_text(version, encoding="latin-1")

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def finish(self) -> None:
        self.path.replace(self._target)
        self._version.unlink(missing_ok=True)


def _try(url: str, part: _Part, progress: Progress, limits: DownloadLimits) -> None:
    import requests  # opens sockets at import, to look for IPv6
    import urllib3

    headers = {"Accept-Encoding": "identity", "User-Agent": "vedette"}
    if version := part.version():
        headers |= {"Range": f"bytes={part.size_bytes()}-", "If-Range": version}
    timeouts = (limits.connect_timeout_s, limits.read_timeout_s)
    try:
        with requests.get(url, headers=headers, timeout=timeouts, stream=True) as response:
            _judge(response, url, part)
            _receive(response, url, part, progress, limits)
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
        raise ModelSourceError(f"{shown_address(url)}: no address that can be asked for over http(s)") from None
    except requests.exceptions.TooManyRedirects:
        raise ModelSourceError(f"{shown_address(url)}: redirects without an end") from None
    except requests.exceptions.SSLError as error:
        raise ModelSourceError(
            f"{shown_address(url)}: no trusted TLS connection: {_innermost(error)}; "
            "for a certificate authority of your own set REQUESTS_CA_BUNDLE"
        ) from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _CutOff(_reason(error)) from None


def _judge(response: "requests.Response", url: str, part: _Part) -> None:
    """Raises unless the answer brings the file, or the rest of what is there."""
    status, shown = response.status_code, shown_address(url)
    if status in (404, 410):
        raise NotThere(f"{shown}: not there (HTTP {status})")
    if status == 206:
        begins = _RANGE.match(response.headers.get("Content-Range", ""))
        if begins is None or int(begins[1]) != part.size_bytes():
            part.drop()
            raise _CutOff("the server sent another part than it was asked for")
    elif status == 416:
        part.drop()
        raise _CutOff("the file on the server has changed")
    elif status in _PASSING:
        raise _CutOff(f"the server answers with HTTP {status} {response.reason}")
    elif status in (401, 403):
        raise ModelSourceError(f"{shown}: the server refuses it (HTTP {status}): credentials are missing or wrong")
    elif status != 200:
        raise ModelSourceError(f"{shown}: the server answers with HTTP {status} {response.reason}")


def _receive(response: "requests.Response", url: str, part: _Part, progress: Progress, limits: DownloadLimits) -> None:
    if response.status_code == 200:
        part.begin(_version_of(response))
    done_bytes = part.size_bytes()
    length = response.headers.get("Content-Length", "")
    total_bytes = done_bytes + int(length) if length.isdecimal() else None
    if (total_bytes or 0) > limits.bytes_max:
        part.drop()
        raise ModelSourceError(f"{shown_address(url)}: has {total_bytes} bytes, more than {limits.bytes_max}")
    to_come_bytes = (total_bytes or 0) - done_bytes
    if to_come_bytes > _CHUNK_BYTES and (lack := lack_of_space(part.path.parent, to_come_bytes)):
        part.drop()
        raise ModelSourceError(f"{shown_address(url)}: {lack}")
    with part.path.open("ab") as file:
        progress(done_bytes, total_bytes)
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
            done_bytes += len(chunk)
            if done_bytes > limits.bytes_max:
                part.drop()
                raise ModelSourceError(f"{shown_address(url)}: has more than {limits.bytes_max} bytes")
            file.write(chunk)
            progress(done_bytes, total_bytes)


def _version_of(response: "requests.Response") -> str:
    """A weak ETag promises no equal bytes, so it can't continue anything."""
    etag = str(response.headers.get("ETag", ""))
    return etag if etag and not etag.startswith("W/") else str(response.headers.get("Last-Modified", ""))


def _reason(error: Exception) -> str:
    import requests
    import urllib3

    seen = _chain(error)
    for kind, reason in (
        (urllib3.exceptions.NameResolutionError, "the name of the server is not known (DNS)"),
        (ConnectionRefusedError, "the server refuses connections"),
        (requests.exceptions.ConnectTimeout, "the server does not answer"),
        (urllib3.exceptions.ReadTimeoutError, "the server fell silent"),
    ):
        if any(isinstance(cause, kind) for cause in seen):
            return reason
    return f"the connection broke ({_innermost(error)})"


def _innermost(error: BaseException) -> str:
    """The last cause's own words: those around it repeat the address, with what is secret in it."""
    last = _chain(error)[-1]
    return re.sub(r"\S+://\S+", "…", str(last)) or type(last).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """`error` and what it wraps: requests and urllib3 keep causes in `args` and `reason` as well."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        inside = [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
        current = next((cause for cause in inside if isinstance(cause, BaseException)), None)
    return chain
