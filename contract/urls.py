"""Addresses of Redis, as they may be shown."""

import re
from typing import Final

_USERINFO: Final = re.compile(r"://(?P<user>[^:/?#]*):[^/?#]*@")
_QUERY: Final = re.compile(r"(?P<name>[?&]password=)[^&#]*")


def shown_url(url: str) -> str:
    """`url` without its password, for logs and errors. Works on malformed ones too: an error is about to show them."""
    return _QUERY.sub(r"\g<name>***", _USERINFO.sub(r"://\g<user>:***@", url))
