"""deploy/constraints.txt: the images get versions that this project allows, of all that it asks for."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.compose import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IN_IMAGES = ("worker", "gateway", "monitor")
WANTED = [
    Requirement(line)
    for line in [*PROJECT["dependencies"], *(r for e in IN_IMAGES for r in PROJECT["optional-dependencies"][e])]
]
PINS = {
    canonicalize_name(name): version
    for name, _, version in (
        line.partition("==")
        for line in (ROOT / "deploy/constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    )
}


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_each_requirement_has_a_version_that_it_allows(wanted):
    name = canonicalize_name(wanted.name)
    assert name in PINS, "run make pins"
    assert wanted.specifier.contains(PINS[name]), f"{wanted} against {PINS[name]}: run make pins"
