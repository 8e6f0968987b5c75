"""What a run leaves behind in Redis: what docs/protocol.md lists, with the lifetimes that it promises."""

import pytest

from contract.keys import PREFIX
from contract.queues import is_queue
from tests.support.protocol import documented_patterns
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def keys_after_a_run(new_yard):
    """Name and lifetime in ms (-1: none) of every key after a worker has come, worked, refused and gone."""
    tiny = new_yard.model("tiny")
    with new_yard.worker("passing", "--memory", "2g") as worker:
        new_yard.submit(tiny, [*new_yard.plain_images(5), new_yard.images / "missing.jpg"], task_images=2).finished()
        cancelled = new_yard.add(tiny, new_yard.plain_images(3))
        new_yard.ledger.cancel_job(cancelled.name)
        cancelled.ring()
        new_yard.client.lpush("detect.any.512m", "no message")
        wait_until(new_yard.registry.rejects, that="the reject is counted")
        assert new_yard.app.control.inspect(timeout=3, limit=1).ping()
        while_it_runs = {key: new_yard.client.pttl(key) for key in new_yard.client.scan_iter(count=1000)}
        assert worker.process.poll() is None
    afterwards = {key: new_yard.client.pttl(key) for key in new_yard.client.scan_iter(count=1000)}
    return {**afterwards, **while_it_runs}


def test_a_run_leaves_the_kinds_of_keys_that_it_is_about(keys_after_a_run):
    # Or the next tests would pass for a run that did nothing.
    kinds = {key.removeprefix(PREFIX).split(":")[0] for key in keys_after_a_run if key.startswith(PREFIX)}

    assert {"job", "task", "model", "models", "queues", "advert", "adverts", "vitals", "rejects"} <= kinds


def test_every_key_is_documented(keys_after_a_run):
    patterns = documented_patterns()

    unknown = {
        key for key in keys_after_a_run if not is_queue(key) and not any(pattern.fullmatch(key) for pattern in patterns)
    }

    assert unknown == set()


def test_every_key_of_ours_has_a_lifetime(keys_after_a_run):
    assert {
        key for key, lifetime_ms in keys_after_a_run.items() if key.startswith(PREFIX) and lifetime_ms == -1
    } == set()
