"""Addresses of Redis and of models, and how they may be shown."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_USERINFO: Final = re.compile(r"://(?P<user>[^:/?#]*):[^/?#]*@")
#: With characters in the password that should have been percent-encoded: too much is hidden rather than too little.
_BAD_USERINFO: Final = re.compile(r"://(?P<user>[^:/?#]*):.*@")
_QUERY: Final = re.compile(r"(?P<name>[?&](?:\w+_)?password=)[^&#]*")
_PLACE: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#\s]*)(?P<path>/[^?#\s]*)?", re.IGNORECASE)


def shown_url(url: str) -> str:
    """`url` without its password, for logs and errors. Works on malformed ones too: an error is about to show them."""
    shape = _USERINFO if _USERINFO.search(url) else _BAD_USERINFO
    return _QUERY.sub(r"\g<name>***", shape.sub(r"://\g<user>:***@", url))


def shown_address(url: str) -> str:
    """`url` without its password, query and fragment: a signed address carries its key in the query."""
    return re.split(r"[?#]", shown_url(url), maxsplit=1)[0] if "://" in url else url


def parse_place(text: str) -> Path | str:
    """A directory, also of a `file://` URL, or the URL of one elsewhere; ValueError says what was expected."""
    if "://" not in text:
        return Path(text)
    match = _PLACE.fullmatch(text)
    if match is not None and match["scheme"].lower() == "file" and match["host"] in ("", "localhost") and match["path"]:
        return Path(unquote(match["path"]))
    if match is None or match["scheme"].lower() == "file" or not match["host"]:
        raise ValueError(
            "expected a directory, or a URL without a query such as https://host/models or s3://bucket/models"
        )
    return text.rstrip("/")
