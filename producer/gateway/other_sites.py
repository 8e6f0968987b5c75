"""Whether a browser asks on behalf of a page of somebody else. Pure.

A gateway that needs no key listens where only this machine can reach it, and so can every page that somebody opens in
a browser here: a form, or JSON that is said to be text, is sent without a question, and only the answer is kept from
the page. Nor is the answer, where the page's own name has come to mean this machine (DNS rebinding): to the browser the
gateway is of the same site then, and only `Host` tells what it believes to ask. A key is its own proof, for no page of
another site can send one along.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from contract.addresses import is_loopback

#: They change nothing here, and their answers are kept from other sites by the browser.
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Typed in by whoever sits there; of a page that the gateway itself gave. `same-site` is another port of this machine.
_OURS: Final = frozenset({"none", "same-origin"})


def is_of_another_site(method: str, headers: Headers) -> bool:
    """By `Sec-Fetch-Site`, which no page can forge; of a browser that sends none, by `Origin`.

    What sends neither is no browser: curl, a service, a client library.
    """
    if method in _SAFE:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in _OURS
    origin = headers.get("origin")
    return origin is not None and _host_of(origin) != headers.get("host", "").lower()


def is_for_another_host(headers: Headers) -> bool:
    """Whether `Host` is a name or an address of anything but this machine's loopback interface.

    What sends none is no browser.
    """
    host = headers.get("host")
    if host is None:
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return True
    return not (is_loopback(name) or name.endswith(".localhost"))


def _host_of(origin: str) -> str | None:
    """None for `null`, and for what is no origin at all."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() or None
