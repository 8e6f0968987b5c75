"""An amount of memory as an option: `4g`, `512m`."""

from typing import Any

import click

from contract.memory import parse_bytes


class Amount(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
