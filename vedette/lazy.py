"""A group of commands that imports a command's module when it is called.

Importing the producer takes half a second, for Celery is large, and `vedette --help` should not; so the one-line helps
stand beside the group, and a test compares them with the commands' own.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    def __init__(
        self, *arguments: Any, package: str, helps: Mapping[str, str], prefix: str = "", **options: Any
    ) -> None:
        """`helps` maps a command to its line of help; the function is `<package>.<command>.<prefix><command>`."""
        super().__init__(*arguments, **options)
        self._package = package
        self._helps = helps
        self._prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*self._helps]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._helps:
            return None
        module = importlib.import_module(f"{self._package}.{cmd_name}")
        command: click.Command = getattr(module, self._prefix + cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([*self._helps.items()])
