"""What the routers ask: the producer's Client, the ledger for what a Client does not show, the limits."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final, Self

import redis
from anyio import CapacityLimiter
from fastapi import Depends, Path, Request

from contract import keys
from contract.blobs import Blobs, digest_of
from contract.connection import connect
from contract.ledger import JobStatus, Ledger, QueueDepth, ResultPage
from contract.model_spec import ModelSpec
from contract.queues import queue_name
from contract.references import BlobReference
from contract.registry import Advert, Registry
from contract.settings import Settings
from producer.client import Client
from producer.fleet import Facts, read_facts
from producer.gateway.counters import Counters
from producer.gateway.errors import TooManyStreams, UploadsOff
from producer.gateway.fresh import Fresh
from producer.gateway.limits import Limits
from producer.gateway.pace import Pace
from producer.gateway.watcher import Watcher
from producer.metrics import FleetCollector
from producer.outage import answering
from producer.uploads import upload_bytes

#: An HTTP caller tries again by itself; a thread that sits out a restart of Redis is one that nobody else has.
PATIENCE: Final = timedelta(seconds=3)
#: How long an image lives that came with a request which somebody waits for: longer than any deadline, and no more, or
#: a morning of such requests would take all the room that there is for uploads.
BRIEF: Final = timedelta(minutes=10)


@dataclass
class Backend:
    settings: Settings
    limits: Limits
    client: Client
    #: The same, for images that somebody waits for: uploads live for as long as that only.
    brief: Client
    redis: redis.Redis
    ledger: Ledger
    #: Takes the bytes of an image, gives a reference; None: images can only be named.
    _store: Callable[[bytes], str] | None = None
    #: Where uploads are kept, unless by a `_store` of somebody else's.
    _blobs: Blobs | None = None
    _close_blobs: Callable[[], None] = lambda: None
    _known: Fresh[tuple[ModelSpec, list[Advert]]] = field(default_factory=lambda: Fresh(1.0), init=False)
    _depths: Fresh[QueueDepth] = field(default_factory=lambda: Fresh(0.2), init=False)
    _facts: Fresh[Facts] = field(default_factory=lambda: Fresh(1.0), init=False)
    counters: Counters = field(default_factory=Counters)
    streams: CapacityLimiter = field(init=False)
    #: Threads of bodies that are read as they come.
    submissions: CapacityLimiter = field(init=False)
    #: One at a time: it holds the interpreter anyway, and of 16 MiB of lists it makes half a GiB.
    parsing: CapacityLimiter = field(init=False)
    #: By model; of those that there are, not of names that somebody makes up.
    _paces: dict[str, Pace] = field(default_factory=dict, init=False)
    watcher: Watcher = field(init=False)
    _open_streams: int = field(default=0, init=False)
    _scraped: redis.Redis = field(init=False)
    _open_submissions: int = field(default=0, init=False)

    @classmethod
    def of(cls, settings: Settings, limits: Limits, store: Callable[[bytes], str] | None = None) -> Self:
        """Does not connect yet. `store` defaults to `Client.upload`, of a Client that has it."""
        client = Client(settings=settings, patience=PATIENCE)
        short = settings.model_copy(update={"blob_lifetime": min(BRIEF, settings.blob_lifetime)})
        brief = Client(settings=short, patience=PATIENCE)
        connection = connect(settings)
        ledger = Ledger(connection, settings)
        if store is not None:
            return cls(settings, limits, client, brief, connection, ledger, store)
        binary = connect(settings, binary=True)
        upload = getattr(brief, "upload", None)
        return cls(settings, limits, client, brief, connection, ledger, upload, Blobs(binary, settings), binary.close)

    def close(self) -> None:
        self.client.close()
        self.brief.close()
        self._close_blobs()
        self.redis.close()
        self._scraped.close()

    def __post_init__(self) -> None:
        # A connection that gives up soon: a scrape must not wait as long as a job may.
        self._scraped = connect(self.settings, patient=False)
        self.counters.registry.register(FleetCollector(self._scraped, self.settings))
        self.streams = CapacityLimiter(self.limits.streams)
        self.submissions = CapacityLimiter(self.limits.submissions)
        self.parsing = CapacityLimiter(1)
        self.watcher = Watcher(self.states, self.has_result)

    def status(self, job_id: str) -> JobStatus:
        with answering(self.settings):
            return self.ledger.status(job_id)

    def states(self, job_ids: Sequence[str]) -> dict[str, str | None]:
        """Of many jobs, in one look; None of an unknown one."""
        with answering(self.settings), self.redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hget(keys.job(job_id), "state")
            return dict(zip(job_ids, pipe.execute(), strict=True))

    def has_result(self, job_id: str, at_most_s: float) -> bool:
        """Once the job has one, or after `at_most_s`."""
        with answering(self.settings):
            return self.ledger.wait_for_first(job_id, at_most_s)

    def page(self, job_id: str, cursor: int, count: int) -> ResultPage:
        with answering(self.settings):
            return self.ledger.result_page(job_id, cursor, count)

    def places(self, job_id: str) -> int:
        """In the order of completion, up to now: a cursor beyond is of nobody who has read so far."""
        with answering(self.settings):
            return int(self.redis.llen(keys.job_order(job_id)))

    def known(self, model: str) -> tuple[ModelSpec, list[Advert]]:
        """The model and the fleet, as they were a second ago at most."""
        return self._known.get(model, lambda: (self.client.model(model), self.client.fleet()))

    def depth(self, spec: ModelSpec) -> QueueDepth:
        """What waits before the next image of this model, or did a moment ago."""
        queue = queue_name(spec.needs)

        def find() -> QueueDepth:
            with answering(self.settings):
                return self.ledger.depths([queue])[queue]

        return self._depths.get(queue, find)

    def facts(self) -> Facts:
        """Of the whole fleet, as they were a second ago at most."""

        def find() -> Facts:
            with answering(self.settings):
                return read_facts(Registry(self.redis, self.settings), self.ledger)

        return self._facts.get("", find)

    def pace(self, spec: ModelSpec) -> Pace:
        return self._paces.setdefault(spec.ref, Pace(time.monotonic()))

    @property
    def takes_uploads(self) -> bool:
        return self._store is not None

    def check_uploads(self) -> None:
        if self._store is None:
            raise UploadsOff("images cannot be sent to this gateway, only named: a path or an address")

    def store_upload(self, content: bytes) -> str:
        """Keeps the bytes of an image that somebody waits for and gives its reference; the same bytes have the same."""
        self.check_uploads()
        assert self._store is not None
        return self._store(content)

    def put_upload(self, content: bytes) -> tuple[str, int]:
        """For a job that may wait; and what `release_uploads` needs to know, 0: it is not to be released."""
        if self._blobs is None:
            return self.store_upload(content), 0
        self.check_uploads()
        data = upload_bytes(content, self.settings.image_bytes_max)
        reference = BlobReference(digest_of(data))
        with answering(self.settings):
            return reference.uri, self._blobs.put(reference.digest, data)

    def release_uploads(self, put: Mapping[str, int]) -> None:
        """Of a request that failed: by reference, what `put_upload` gave."""
        digests = {reference.rpartition(":")[2]: until_ms for reference, until_ms in put.items()}
        if self._blobs is not None and digests:
            with answering(self.settings):
                self._blobs.release(digests)

    # Streams are counted on the event loop only.

    def check_streams(self) -> None:
        """TooManyStreams, while there is still a status to say it with."""
        if self._open_streams >= self.limits.streams:
            raise TooManyStreams(f"{self._open_streams} streams are open, which is the most; poll, or come back", 5)

    @contextmanager
    def one_stream(self) -> Iterator[None]:
        """For as long as one is answered."""
        self.check_streams()
        self._open_streams += 1
        self.counters.streams.set(self._open_streams)
        try:
            yield
        finally:
            self._open_streams -= 1
            self.counters.streams.set(self._open_streams)

    @contextmanager
    def one_submission(self) -> Iterator[None]:
        """While a body is read as it comes. None waits for another, which may last for as long as its sender likes."""
        if self._open_submissions >= self.limits.submissions:
            raise TooManyStreams(
                f"{self._open_submissions} jobs are being submitted as lines or forms, which is the most; come back", 5
            )
        self._open_submissions += 1
        try:
            yield
        finally:
            self._open_submissions -= 1


# `async`, for FastAPI would ask for a thread otherwise, and a request would wait for it before it is looked at.
async def backend_of(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


Asked = Annotated[Backend, Depends(backend_of)]
#: Any other would be the name of another key in Redis.
JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="As `POST /v1/jobs` gave it")]
