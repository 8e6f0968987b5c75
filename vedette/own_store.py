"""The model store of this machine, where there is one: a producer's install has none."""

from contract.errors import ModelUnknown
from contract.model_spec import ModelSpec
from contract.registry import spec_named
from contract.settings import load_settings


def own_spec(model: str) -> ModelSpec | None:
    """`name`, for its latest version, or `name@version`; None when the store has it not, or there is no store."""
    try:
        from workers.store import ModelStore
    except ModuleNotFoundError:
        return None
    return spec_named(model, ModelStore(load_settings()).specs())


def spec_in_store(model: str) -> ModelSpec:
    """The same; ModelUnknown says what the store has instead."""
    spec = own_spec(model)
    if spec is None:
        from workers.store import ModelStore

        store = ModelStore(load_settings())
        there_is = ", ".join(each.ref for each in store.specs()) or "nothing"
        raise ModelUnknown(f"unknown model {model!r}: the store {store.root} has {there_is}")
    return spec
