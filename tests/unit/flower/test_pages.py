"""The link in Flower's menu."""

from pathlib import Path

import pytest

from workers.flower.pages import read_templates, with_link

MENU = "<ul><li>Tasks</li></ul><ul>theme</ul>"


def test_the_link_is_the_last_page_of_the_menu():
    changed = with_link({"navbar.html": MENU, "base.html": "x"}, "https://gw/fleet?a=1&b={{ 1 }}")

    menu = changed["navbar.html"]
    assert menu.index("Tasks") < menu.index('href="https://gw/fleet?a=1&amp;b=%7B%7B 1 }}"') < menu.index("theme")
    assert changed["base.html"] == "x"


def test_a_menu_of_another_shape_stays_as_it_is():
    for templates in ({}, {"navbar.html": "<nav>new</nav>"}):
        assert with_link(templates, "https://gw/fleet") == templates


def test_the_flower_that_is_installed_has_such_a_menu():
    flower = pytest.importorskip("flower")
    templates = read_templates(Path(flower.__file__).parent / "templates")

    assert with_link(templates, "https://gw/fleet") != templates
