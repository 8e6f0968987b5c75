"""What may be shown of a text that others wrote: addresses without passwords, signatures and keys. Pure.

For log lines and Flower. An address in an error is shown by `contract.urls`; this is for text that has some somewhere.
The text may be a stranger's and of any length, so it is gone through once, word by word. Every field of every log line
comes through here, and hardly any holds a secret: that is told by a look, before a search.
"""

import re
from typing import Final

HIDDEN: Final = "***"

_WORD: Final = re.compile(r"[^\s'\"<>]+")
#: Of a host in front of a path: no user in front of a password.
_PORT: Final = re.compile(r"\d{1,5}(?:[/?#,]|$)")
#: Whose queries have signatures; Redis' own have options that an operator wants to see.
_SIGNED: Final = ("http", "https", "s3", "gs")
#: A header with a key or a password in it, as clients and servers print them.
_HEADER: Final = re.compile(
    r"(?P<kept>\bauthorization['\"]?\s{0,3}[:=]\s{0,3}['\"]?(?:(?:bearer|basic)\s{1,3})?)[^\s'\",}]+", re.IGNORECASE
)
_API_KEY: Final = re.compile(r"\bvdt_[A-Za-z0-9_-]{8,}")


def redact(text: str) -> str:
    """`text` with `***` for passwords in addresses, queries of http(s), s3 and gs addresses, and API keys."""
    if "://" in text:
        text = _WORD.sub(lambda word: _address(word[0]), text)
    if "authorization" in text.lower():
        text = _HEADER.sub(rf"\g<kept>{HIDDEN}", text)
    return _API_KEY.sub(f"vdt_{HIDDEN}", text) if "vdt_" in text else text


def _address(word: str) -> str:
    scheme, mark, rest = word.partition("://")
    if not mark:
        return word
    user, colon, after = rest.partition(":")
    secret, at, place = after.rpartition("@")
    if colon and at and "/" not in user and not _PORT.match(secret):
        rest = f"{user}:{HIDDEN}@{place}"
    path, question, query = rest.partition("?")
    if question and scheme.lower().endswith(_SIGNED):
        query = HIDDEN
    elif question:
        query = "&".join(map(_parameter, query.split("&")))
    return f"{scheme}://{path}{question}{query}"


def _parameter(text: str) -> str:
    name, equals, _ = text.partition("=")
    return f"{name}={HIDDEN}" if equals and name.lower().endswith("password") else text
