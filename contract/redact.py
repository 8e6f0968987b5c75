"""What may be shown of a text that others wrote: addresses without passwords, signatures and keys. Pure.

For log lines and Flower. An address in an error is shown by `contract.urls`; this is for text that has some somewhere.
"""

import re
from typing import Final

HIDDEN: Final = "***"

_SHAPES: Final = (
    # redis://user:password@host, https://user:password@host: up to the last @ of the word.
    (re.compile(r"(?P<kept>[a-z][a-z0-9+.-]*://[^:/?#\s'\"@]*:)[^\s'\"]*@", re.IGNORECASE), rf"\g<kept>{HIDDEN}@"),
    # A signed address: who has its query has the object. Redis' own options are none of these schemes.
    (re.compile(r"(?P<kept>(?:https?|s3|gs)://[^\s?'\"<>]*)\?[^\s'\"<>]+", re.IGNORECASE), rf"\g<kept>?{HIDDEN}"),
    (re.compile(r"(?P<kept>[?&](?:\w+_)?password=)[^&#\s'\"]*", re.IGNORECASE), rf"\g<kept>{HIDDEN}"),
    # A header with a key or a password in it, as clients and servers print them.
    (
        re.compile(
            r"(?P<kept>\bauthorization['\"]?\s*[:=]\s*['\"]?(?:(?:bearer|basic)\s+)?)[^\s'\",}]+", re.IGNORECASE
        ),
        rf"\g<kept>{HIDDEN}",
    ),
    (re.compile(r"\bvdt_[A-Za-z0-9_-]{8,}"), f"vdt_{HIDDEN}"),
)


def redact(text: str) -> str:
    """`text` with `***` for passwords in addresses, queries of http(s), s3 and gs addresses, and API keys."""
    for shape, shown in _SHAPES:
        text = shape.sub(shown, text)
    return text
