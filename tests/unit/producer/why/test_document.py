"""docs/why.md and the code have the same reasons, in the same order."""

import re
from pathlib import Path

from producer.why import Answer
from producer.why.reason import CODES

TEXT = (Path(__file__).parents[4] / "docs" / "why.md").read_text(encoding="utf-8")


def test_every_reason_is_in_the_table_in_the_order_of_importance() -> None:
    rows = [row.split("|")[1] for row in TEXT.splitlines() if row.startswith("| `")]
    documented = [code for row in rows for code in re.findall(r"`([a-z_]+)`", row)]

    assert sorted(documented) == sorted(CODES)
    assert [code for code in documented if code not in ("done", "dead_letters")] == [
        code for code in CODES if code not in ("done", "dead_letters")
    ]


def test_every_field_of_the_answer_is_named() -> None:
    fields = TEXT[TEXT.index("`--json`") : TEXT.index("Fields are added")]

    assert set(Answer.model_fields) <= set(re.findall(r"`([a-z_]+)`", fields))
