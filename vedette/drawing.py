"""Draws results as they come, and remembers which images were passed over and why."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from contract.messages import ImageResult
from vedette.annotate import FOLDER, annotate

#: A million images that are elsewhere must fill neither the memory nor the screen.
_REASONS_SHOWN: Final = 20


class Drawings:
    """Below `folder`/annotated. `paths` gives an image's path, or its address as text, and its drawing's path,
    by index and name in the result."""

    def __init__(self, folder: Path, paths: Callable[[int, str], tuple[str | Path, Path]]) -> None:
        self._folder = folder / FOLDER
        self._paths = paths
        self._reasons: list[str] = []
        self._passed_over = 0

    def add(self, index: int, result: ImageResult) -> None:
        """Draws a result that has detections or none; failed images have nothing to draw."""
        if not result.ok:
            return
        source, target = self._paths(index, result.image)
        if isinstance(source, str):
            reason: str | None = f"{result.image}: is not on this machine"
        else:
            reason = annotate(source, result, target)
        if reason is None:
            return
        self._passed_over += 1
        if len(self._reasons) < _REASONS_SHOWN:
            self._reasons.append(reason)

    def tell(self) -> None:
        click.echo(f"Drawings: {self._folder}")
        for reason in self._reasons:
            click.echo(f"not drawn: {reason}", err=True)
        more = self._passed_over - len(self._reasons)
        if more:
            click.echo(f"not drawn: {more} more", err=True)
