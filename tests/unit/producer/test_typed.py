"""What producers import is typed for their type checkers too, https://peps.python.org/pep-0561."""

from importlib.resources import files

import pytest


@pytest.mark.parametrize("package", ["producer", "contract"])
def test_type_checkers_are_told(package: str) -> None:
    assert files(package).joinpath("py.typed").is_file()
