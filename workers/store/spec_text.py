"""A spec as the text of model.toml."""

import tomli_w

from contract.model_spec import ModelSpec


def spec_toml(spec: ModelSpec) -> str:
    """Every field, also those at their default: who reads the file sees what there is.

    But no empty `engine`, which versions of Vedette before it would refuse.
    """
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["requirement"]["features"] = sorted(content["requirement"]["features"])
    if not spec.engine:
        del content["engine"]
    return tomli_w.dumps(content)
