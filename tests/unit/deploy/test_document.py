"""What docs/deployment.md says of numbers, names and links is so."""

import re

import pytest

from contract.memory import TIERS_BYTES, parse_bytes, tier_name
from tests.support.compose import FILE, ROOT
from workers.hardware.memory import container_reserve_bytes

DOCUMENT = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
MIB = 1024**2


def rows(head):
    """The table that begins with `head`, as lists of words."""
    lines = DOCUMENT[DOCUMENT.index(head) :].split("\n\n")[0].splitlines()
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_the_smallest_limit_for_each_tier_is_the_smallest():
    tiers, _, limits = rows("| tier of the model |")
    assert tiers[1:] == [tier_name(tier) for tier in TIERS_BYTES[:6]]
    for tier, limit in zip(tiers[1:], limits[1:], strict=True):
        enough, needed = parse_bytes(limit), parse_bytes(tier)
        assert enough - container_reserve_bytes(enough) >= needed
        assert enough - MIB - container_reserve_bytes(enough - MIB) < needed


@pytest.mark.parametrize(
    "name", re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", DOCUMENT[DOCUMENT.index("variable in `.env`") :])
)
def test_variables_of_compose_are_those_of_the_file(name):
    if not name.startswith("VEDETTE_"):
        assert f"${{{name}:" in FILE.read_text()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", DOCUMENT))))
def test_links_lead_somewhere(target):
    path, _, anchor = target.partition("#")
    file = (ROOT / "docs" / path).resolve() if path else ROOT / "docs/deployment.md"
    assert file.exists()
    if anchor:
        heads = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
