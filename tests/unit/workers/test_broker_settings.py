"""What Celery is told of Redis by the workers' application, which Flower and `celery inspect` use too."""

import pytest
from celery import Celery

from workers.celery_app import celery_config


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@127.0.0.1:6379/2", "redis://:**@127.0.0.1:6379/2"),
        # Flower has no page for this one, but it must be ours: kombu's own needs one URL for each Sentinel.
        (
            "redis+sentinel://:secret@one,two/mymaster/2",
            "contract.sentinel_transport:SentinelTransport://:**@one:26379/2",
        ),
    ],
)
def test_the_brokers_url_is_one_that_flower_knows(monkeypatch, url, shown):
    monkeypatch.setenv("VEDETTE_REDIS_URL", url)

    with Celery("looking", set_as_current=False) as app:
        app.conf.update(celery_config())
        with app.connection() as connection:
            assert connection.as_uri() == shown
