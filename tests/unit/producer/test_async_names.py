"""The two clients have the same names, and each name the same parameters."""

import inspect
from typing import Any

import pytest

from producer import AsyncClient, AsyncJob, Client, Job

#: What makes the asynchronous ones: in no other program's way.
BENEATH = {"watching", "waiting", "sleep"}


def methods(kind: type[Any]) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def parameters(method: Any) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(method).parameters.items()}


@pytest.mark.parametrize(("synchronous", "asynchronous"), [(Client, AsyncClient), (Job, AsyncJob)])
def test_the_same_names_with_the_same_parameters(synchronous: type[Any], asynchronous: type[Any]) -> None:
    those = {name: parameters(method) for name, method in methods(synchronous).items() if name not in BENEATH}

    assert {name: parameters(method) for name, method in methods(asynchronous).items()} == those


def test_an_asynchronous_client_takes_the_same_and_a_number_of_threads() -> None:
    assert parameters(AsyncClient.__init__) == {**parameters(Client.__init__), "threads": 8}
