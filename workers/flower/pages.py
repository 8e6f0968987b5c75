"""Flower's pages with one link more: to the fleet, with what Flower cannot show (waiting, rates, memory).

Tornado takes the place of templates from a setting. Nothing on disk is changed; where Flower's menu does not look as
it did, its pages stay as they are.
"""

from html import escape
from pathlib import Path
from typing import Final

_MENU: Final = "navbar.html"
#: The end of its list of pages.
_END: Final = "</ul>"


def with_link(templates: dict[str, str], url: str, label: str = "Fleet") -> dict[str, str]:
    """`templates`, by name, with a link to `url` as the last page of the menu. Pure."""
    menu, end, rest = templates.get(_MENU, "").partition(_END)
    if not end:
        return templates
    # Braces begin an expression of Tornado's.
    address = escape(url, quote=True).replace("{", "%7B")
    link = f'<li class="nav-item"><a class="nav-link" href="{address}">{escape(label)}</a></li>\n      '
    return {**templates, _MENU: menu + link + end + rest}


def read_templates(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.html")}
