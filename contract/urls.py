"""Addresses of Redis and of models, as they may be shown."""

import re
from typing import Final

_USERINFO: Final = re.compile(r"://(?P<user>[^:/?#]*):[^/?#]*@")
#: With characters in the password that should have been percent-encoded: too much is hidden rather than too little.
_BAD_USERINFO: Final = re.compile(r"://(?P<user>[^:/?#]*):.*@")
_QUERY: Final = re.compile(r"(?P<name>[?&](?:\w+_)?password=)[^&#]*")


def shown_url(url: str) -> str:
    """`url` without its password, for logs and errors. Works on malformed ones too: an error is about to show them."""
    shape = _USERINFO if _USERINFO.search(url) else _BAD_USERINFO
    return _QUERY.sub(r"\g<name>***", shape.sub(r"://\g<user>:***@", url))


def shown_address(url: str) -> str:
    """`url` without its password, query and fragment: a signed address carries its key in the query."""
    return re.split(r"[?#]", shown_url(url), maxsplit=1)[0] if "://" in url else url
