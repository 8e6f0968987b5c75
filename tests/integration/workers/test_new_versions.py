"""A new version in the store of a running worker: it gets work when it has worked, and never when it has not."""

import shutil

import pytest

from contract.errors import ModelUnknown
from contract.model_spec import FILE_NAME
from tests.support.tiny_model import build_tiny_model
from tests.support.wait import wait_until
from workers.store import directory_digest

pytestmark = pytest.mark.integration

#: Between two looks into the store: 30 upkeeps of half a second.
SCAN_S = 30


@pytest.fixture(scope="module")
def worker(new_yard):
    new_yard.model("tiny")
    with new_yard.worker("alone", "--memory", "2g", "--slots", "1") as worker:
        new_yard.wait_until_listening(worker.node, "detect.any.512m")
        yield worker


def put(yard, name, version, *, broken=False, **options):
    """Puts a version into the store as `vedette models add` does: all at once."""
    built = build_tiny_model(yard.directory / "elsewhere", name, version, **options)
    if broken:
        [shard] = (built / "variables").glob("variables.data-*")
        old, content = directory_digest(built), (built / "saved_model.pb").read_bytes()
        shard.write_bytes(b"")
        (built / "saved_model.pb").write_bytes(content[: len(content) // 2])
        text = (built / FILE_NAME).read_text()
        (built / FILE_NAME).write_text(text.replace(old, directory_digest(built)))
    (yard.store / name).mkdir(exist_ok=True)
    shutil.move(built, yard.store / name / version)


def test_a_new_version_is_offered_when_a_slot_has_run_it(new_yard, worker):
    put(new_yard, "tiny", "2")

    wait_until(lambda: new_yard.registry.model("tiny").version == "2", SCAN_S, that="version 2 is offered")

    assert "tiny@2, warm" in worker.log
    # And both do their work, side by side
    for version in ("1", "2"):
        job = new_yard.submit(new_yard.registry.model(f"tiny@{version}"), new_yard.plain_images(2))
        assert {result.model for result in job.finished().values()} == {f"tiny@{version}"}


def test_a_version_that_cannot_run_is_never_offered_and_the_others_work_on(new_yard, worker):
    put(new_yard, "tiny", "3", broken=True)

    wait_until(lambda: "tiny@3 is not offered: ModelBroken: tiny@3" in worker.log, SCAN_S, that="it is named")

    with pytest.raises(ModelUnknown):
        new_yard.registry.model("tiny@3")
    job = new_yard.submit(new_yard.registry.model("tiny"), new_yard.plain_images(2))
    assert {result.model for result in job.finished().values()} == {"tiny@2"}
    assert worker.process.poll() is None


def test_the_queue_of_warm_ups_is_gone_afterwards(new_yard, worker):
    wait_until(lambda: new_yard.client.exists(f"vedette.warm.{worker.node}") == 0, that="it is empty")
    assert not any("warm" in queue for queue in new_yard.advert(worker.node).queues)
