"""Errors of the command alone; the others are in `contract.errors` and `producer.errors`.

    VedetteError
    ├── ExtraMissing     extra_missing      an optional package that this option needs is not installed
    ├── OutputUnusable   output_unusable    results cannot be written where they should be
    ├── SpecFileInvalid  spec_file_invalid  a file with [signature] and [outputs] that cannot be read
    └── ModelInUse       model_in_use       a model that is to be removed has jobs

A code never changes its meaning; messages may be reworded.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import VedetteError


class ExtraMissing(VedetteError):
    code = "extra_missing"


class OutputUnusable(VedetteError):
    code = "output_unusable"


class SpecFileInvalid(VedetteError):
    code = "spec_file_invalid"


class ModelInUse(VedetteError):
    code = "model_in_use"


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """ExtraMissing, with the line to type, for an import in the block that a producer's install does not have."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"{what} needs {error.name}: pip install 'vedette[{extra}]'") from None
