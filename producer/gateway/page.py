"""`/fleet`: the fleet and its queues for people, refreshed every few seconds. One file, no script from elsewhere.

The page itself says nothing of anybody: it asks `/v1/fleet`, with a key that its reader types in where one is needed.
"""

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse

PATH: Final = "/fleet"
#: Without a key: see above.
OPEN: Final = frozenset({"/", PATH})

router: Final = APIRouter(include_in_schema=False)


@router.get("/")
def root() -> RedirectResponse:
    return RedirectResponse(PATH)


@router.get(PATH)
def page() -> HTMLResponse:
    html = _html()
    return HTMLResponse(html, headers={"Content-Security-Policy": policy(html), "Cache-Control": "no-cache"})


def policy(html: str) -> str:
    """Only the scripts and styles of the page itself, by their digests, and only requests to where it came from."""
    scripts, styles = (
        " ".join(map(_source, re.findall(_INSIDE % tag, html, re.DOTALL))) for tag in ("script", "style")
    )
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_INSIDE: Final = r"<%s>(.*?)</"


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _html() -> str:
    return resources.files(__package__).joinpath("fleet.html").read_text(encoding="utf-8")
