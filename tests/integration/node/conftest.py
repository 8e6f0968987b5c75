"""The packages of the Node example, installed once."""

from pathlib import Path

import pytest

from tests.support.node import node_project


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    return node_project(Path(__file__).parent / "package.json", tmp_path_factory.mktemp("node"))
