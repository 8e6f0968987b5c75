"""Scripts of deploy/, which are no package: they run on hosts that have nothing but Python."""

import importlib.util
from types import ModuleType

from tests.support.compose import ROOT


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "deploy" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
