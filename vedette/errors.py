"""Errors of the command alone; the others are in `contract.errors` and `producer.errors`.

    VedetteError
    ├── ExtraMissing     extra_missing      an optional package that this option needs is not installed
    └── OutputUnusable   output_unusable    results cannot be written where they should be

A code never changes its meaning; messages may be reworded.
"""

from contract.errors import VedetteError


class ExtraMissing(VedetteError):
    code = "extra_missing"


class OutputUnusable(VedetteError):
    code = "output_unusable"
