"""Yards for these tests, with a Redis of their own. A worker takes seconds to start, so it is shared."""

from collections.abc import Iterator

import pytest

from contract.model_spec import ModelSpec
from tests.support.worker_process import WorkerProcess
from tests.support.yard import Yard, yard_in


@pytest.fixture(scope="module")
def new_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A yard with a Redis of its own, for a module that starts its own workers."""
    with yard_in(tmp_path_factory.mktemp("yard")) as yard:
        yield yard


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """The yard of the worker that several modules share."""
    with yard_in(tmp_path_factory.mktemp("shared-yard")) as yard:
        yield yard


@pytest.fixture(scope="session")
def tiny(yard: Yard) -> ModelSpec:
    return yard.model("tiny")


@pytest.fixture(scope="session")
def worker(yard: Yard, tiny: ModelSpec) -> Iterator[WorkerProcess]:
    assert tiny.ref == "tiny@1"  # in the store before the worker looks there
    with yard.worker("shared", "--memory", "2g", "--slots", "1") as worker:
        yield worker
