"""Values that many ask for at once."""

import pytest

from producer.gateway.fresh import Fresh
from tests.support.wait import wait_until


def test_a_value_is_found_once_for_its_lifetime() -> None:
    found: list[str] = []

    def find() -> str:
        found.append("x")
        return "x" * len(found)

    values = Fresh[str](0.2)

    assert [values.get("a", find) for _ in range(3)] == ["x"] * 3
    wait_until(lambda: values.get("a", find) == "xx", 5, that="it is found again")


def test_an_error_is_not_kept() -> None:
    values = Fresh[int](60)

    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        values.get("a", fail)
    assert values.get("a", lambda: 7) == 7


def test_it_does_not_grow_for_ever() -> None:
    values = Fresh[int](60, entries=2)
    for number in range(5):
        values.get(str(number), lambda number=number: number)  # type: ignore[misc]

    assert len(values._known) <= 2
