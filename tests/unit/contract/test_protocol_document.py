"""docs/protocol.md says what contract/ does: names that appear in one and not in the other are found here."""

import inspect
import re
from typing import get_args

import pytest
from pydantic import BaseModel

from contract import keys
from contract.capability import Capability
from contract.messages import Detection, DetectMessage, FailureCode, ImageRef, ImageResult, JobOptions
from contract.queues import requirement_of
from contract.registry import Advert
from contract.submit_message import Submission, SubmitMessage
from contract.vitals import SlotVitals, Vitals
from tests.support.protocol import PROTOCOL, documented_keys, documented_patterns

ROOT = PROTOCOL.parents[1]
TEXT = PROTOCOL.read_text(encoding="utf-8")


def section(heading: str) -> str:
    """The text under a heading, up to the next of the same or a higher level."""
    level = heading.split(" ")[0]
    start = TEXT.index(f"\n{heading}") + 1
    rest = TEXT[start + len(heading) :]
    following = re.search(rf"^#{{2,{len(level)}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def first_column(text: str) -> list[str]:
    """The names in backticks of the first column of every table."""
    cells = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("### DetectMessage", DetectMessage),
        ("### SubmitMessage", SubmitMessage),
        ("### Submission:", Submission),
        ("### JobOptions", JobOptions),
        ("### ImageRef", ImageRef),
        ("### Advert", Advert),
        ("### Vitals", Vitals),
    ],
)
def test_every_field_of_a_message_is_in_its_table(heading: str, kind: type[BaseModel]) -> None:
    fields = list(kind.model_fields)
    if kind is Advert:
        at = fields.index("capability")
        fields[at : at + 1] = [f"capability.{name}" for name in Capability.model_fields]

    documented = first_column(section(heading))

    assert sorted(documented) == sorted(fields)


def test_every_field_of_a_slot_is_told() -> None:
    assert all(f"`{name}`" in section("### Vitals") for name in SlotVitals.model_fields)


def test_every_field_of_a_result_is_in_its_table_in_the_order_of_its_line() -> None:
    documented = first_column(section("### ImageResult"))

    assert documented[: len(ImageResult.model_fields)] == list(ImageResult.model_fields)
    assert documented[len(ImageResult.model_fields) :] == list(get_args(FailureCode))
    assert all(f"`{name}`" in section("### ImageResult") for name in Detection.model_fields)


def test_every_error_code_is_in_the_table() -> None:
    # Those of the wings and the roof stand in files of their own, which a test of the foundation must not import.
    sources = [path for part in ("contract", "producer", "workers", "vedette") for path in (ROOT / part).rglob("*.py")]
    codes = [
        code for path in sources for code in re.findall(r'^    code = "([a-z_]+)"', path.read_text(), re.MULTILINE)
    ]

    assert len(codes) >= 11
    assert sorted(first_column(section("## Error codes"))) == sorted(codes)


def test_every_key_of_the_code_is_in_the_table() -> None:
    # Given each key that contract.keys can spell
    spelled = [value for name, value in vars(keys).items() if name.isupper() and name != "PREFIX"]
    builders = [spell for name, spell in vars(keys).items() if inspect.isfunction(spell) and name.islower()]
    spelled += [spell(*["x"] * len(inspect.signature(spell).parameters)) for spell in builders]

    documented = [key for key in documented_keys() if key.startswith("vedette:")]

    assert sorted(re.sub("<[^>]+>", "x", key) for key in documented) == sorted(spelled)


def test_patterns_match_the_keys_that_they_mean_and_no_others() -> None:
    def documented(key: str) -> bool:
        return any(pattern.fullmatch(key) for pattern in documented_patterns())

    assert documented("vedette:job:3f9c")
    assert documented("vedette:job:3f9c:tasks")
    assert documented("vedette:advert:small@yard")
    assert documented("detect.x86_64_v4.8g+avx512_vnni")
    assert documented("5db1c6e1-21de.reply.celery.pidbox")
    assert not documented("vedette:job:3f9c:secret")
    assert not documented("vedette:job:")
    assert not documented("vedette:leases2")
    assert not documented("celery-task-meta-3f9c")
    assert not documented("_kombu.binding.detect.any.1g")


def test_the_queues_named_as_examples_are_queues() -> None:
    named = re.findall(r"`(detect\.[a-z0-9_.+]+)`", TEXT)

    assert len(named) >= 3
    assert all(requirement_of(name) for name in named)
