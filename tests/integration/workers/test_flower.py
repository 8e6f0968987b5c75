"""Flower with our configuration: who gets in, what its rows say, and that who only watches cannot stop a worker."""

import re
import subprocess
import sys

import pytest

from producer import Client
from tests.support.flower import PASSWORD, flower_process
from tests.support.wait import wait_until
from tests.support.worker_process import ROOT, environment

pytest.importorskip("flower")
pytestmark = pytest.mark.integration

FLEET = "https://gateway.example.org/fleet"


@pytest.fixture(scope="module")
def place(new_yard):
    """A yard, its worker, and a Flower for those who only watch."""
    new_yard.model("tiny", call_s=0.05)
    new_yard.model("slow", call_s=2)
    with (
        new_yard.worker("watched", "--memory", "2g", "--slots", "1", "--threads", "1") as worker,
        flower_process(
            new_yard.directory, new_yard.settings, FLOWER_READ_ONLY="true", VEDETTE_FLEET_URL=FLEET
        ) as flower,
    ):
        wait_until(
            lambda: flower.json("/api/workers?refresh=1").get(worker.node, {}).get("stats"), 30, that="it is shown"
        )
        yield new_yard, worker, flower


def test_nothing_is_shown_without_the_password(place):
    _, worker, flower = place

    for path in ("/", "/tasks", f"/worker/{worker.node}", "/api/workers", "/api/tasks"):
        assert flower.ask(path, password=None)[0] == 401, path
        assert flower.ask(path, password="watcher:guessed")[0] == 401, path
        assert flower.ask(path)[0] == 200, path


def test_a_row_says_model_images_batch_attempt_queue_and_what_came_of_it(place):
    yard, worker, flower = place
    with Client(settings=yard.settings) as client:
        job = client.submit(yard.plain_images(2), model="tiny", batch_size=2)
        job.wait(timeout=30)
        (task,) = yard.ledger.tasks(job.id)

    row = wait_until(lambda: _row(flower, task, "SUCCESS"), 20, that="Flower shows the task")

    assert row["args"] == f"tiny@1, 2 images, batch 2, attempt 1; detect.any.512m, {job.id}"
    assert row["worker"] == worker.node
    assert "'succeeded': 2" in row["result"]


def test_a_row_says_why_the_attempt_before_failed(place):
    yard, worker, flower = place
    job = yard.submit(yard.registry.model("slow"), yard.plain_images(2), batch_size=2)
    wait_until(lambda: yard.client.zcard("vedette:leases"), 20, that="the slot is at it")
    (slot,) = worker.slots()

    slot.kill()
    job.finished(120)

    row = wait_until(lambda: _row(flower, f"{job.name}-0", "SUCCESS"), 20, that="Flower shows the task")
    assert row["args"].startswith("slow@1, 2 images, batch ")
    # On a busy machine its lease ends before Celery has seen the death.
    why = re.search(r"attempt 2 after (crash: SIGKILL|lost: no sign of life)", row["args"])
    assert why is not None, row["args"]
    assert why[1] in row["exception"]


def test_the_workers_page_has_its_capability_and_every_page_the_link(place):
    _, worker, flower = place

    assert "memory_per_slot_bytes" in flower.ask(f"/worker/{worker.node}")[1]
    for path in ("/", "/tasks", f"/worker/{worker.node}"):
        assert f'href="{FLEET}"' in flower.ask(path)[1], path


def test_who_only_watches_can_do_nothing(place):
    """Every request of Flower's that does something, so that one which a later Flower adds is seen."""
    from flower.urls import handlers

    yard, worker, flower = place
    pairs = [each[:2] for each in handlers if isinstance(each, tuple)]
    acts = [path for path, kind in pairs if path.startswith("/api/") and "post" in vars(kind)]
    assert len(acts) >= 14
    for path in acts:
        of = "vedette.detect" if "/task/" in path else worker.node
        status, body = flower.ask(path.replace("(.+)", of), method="POST")
        assert (status, body) == (403, "Read only mode is enabled"), path

    assert worker.process.poll() is None
    job = yard.submit(yard.registry.model("tiny"), yard.plain_images(2))
    assert all(result.ok for result in job.finished().values())


def test_it_does_not_listen_to_others_without_a_password(new_yard):
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "workers", "flower", "--address=0.0.0.0", "--port=0"],
        cwd=ROOT,
        env=environment(new_yard.settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "error: --address 0.0.0.0: others could reach Flower there" in done.stderr
    assert "Traceback" not in done.stderr


def test_who_may_do_more_stops_the_worker(place):
    """The counterpart, which says that those above were asked rightly. The last one: the worker is gone."""
    yard, worker, _ = place
    with flower_process(yard.directory, yard.settings) as flower:
        path = f"/api/worker/shutdown/{worker.node}"
        wait_until(lambda: flower.json("/api/workers?refresh=1").get(worker.node), 30, that="it is shown")

        assert flower.ask(path, method="POST", password=PASSWORD)[0] == 200

        assert worker.process.wait(30) == 0


def _row(flower, task, state):
    row = flower.json(f"/api/task/info/{task}")
    return row if row.get("state") == state else None
