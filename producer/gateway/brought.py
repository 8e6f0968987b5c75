"""The uploads of one request, taken back when it fails: its sender has no use for them, and others for their room."""

from contextlib import suppress
from types import TracebackType
from typing import Self

from contract.errors import VedetteError
from producer.gateway.backend import Backend


class Brought:
    """Context manager. Until `keep`, an error that leaves it takes back what nobody else has referred to."""

    def __init__(self, asked: Backend) -> None:
        self._asked = asked
        #: Reference -> what it takes to release it.
        self._put: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with suppress(VedetteError):  # Redis is away, and forgets them by itself
                self._asked.release_uploads(self._put)

    def add(self, content: bytes) -> str:
        """The reference of an image."""
        uri, until_ms = self._asked.put_upload(content)
        if until_ms:
            self._put[uri] = until_ms
        return uri

    def keep(self) -> None:
        """There is a job that refers to them."""
        self._put.clear()
