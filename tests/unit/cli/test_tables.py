"""Tables where there is no terminal: each row is one line, and none ends with blanks."""

import pytest

from vedette.tables import print_table, table


def test_a_row_is_a_line_and_ends_with_its_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table("worker", "at")
    rows.add_row("large@yard", "defects-large@1 of job-7 " * 12)
    rows.add_row("small@yard", "")

    print_table(rows)

    header, long, short = capsys.readouterr().out.splitlines()
    assert header == "worker      at"
    assert long.startswith("large@yard  defects-large@1 of job-7")
    assert len(long) > 300
    assert short == "small@yard"
