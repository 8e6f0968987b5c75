"""The model store of this machine, where there is one: a producer's install has none."""

from contract.model_spec import ModelSpec
from contract.registry import version_order
from contract.settings import load_settings


def own_spec(model: str) -> ModelSpec | None:
    """`name`, for its latest version, or `name@version`; None when the store has it not, or there is no store."""
    try:
        from workers.store import ModelStore
    except ModuleNotFoundError:
        return None
    name, _, version = model.partition("@")
    specs = [
        spec
        for spec in ModelStore(load_settings()).specs()
        if spec.name == name and version in ("", "latest", spec.version)
    ]
    return max(specs, key=lambda spec: version_order(spec.version), default=None)
