"""The uploads of one request, taken back when it fails: its sender has no use for them, and others for their room."""

from contextlib import suppress
from types import TracebackType
from typing import Self

from contract.blobs import digest_of
from contract.errors import VedetteError
from producer.gateway.backend import Backend


class Brought:
    """Context manager. Until `keep`, an error that leaves it takes back what nobody else has referred to."""

    def __init__(self, asked: Backend) -> None:
        self._asked = asked
        #: Digest -> reference, of all that came.
        self._known: dict[str, str] = {}
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
        """The reference of an image. The same one twice is put once: again would be somebody referring to it."""
        digest = digest_of(content)
        if digest not in self._known:
            self._known[digest], until_ms = self._asked.put_upload(content)
            if until_ms:
                self._put[self._known[digest]] = until_ms
        return self._known[digest]

    def keep(self) -> None:
        """There is a job that refers to them."""
        self._put.clear()
