"""A worker whose model store is a web server."""

import psutil
import pytest

from contract.model_spec import FILE_NAME, read_spec
from contract.settings import load_settings
from tests.support.file_server import file_server
from tests.support.tiny_model import build_tiny_model
from tests.support.wait import wait_until
from tests.support.worker_process import failed_start
from workers.store import ModelStore

pytestmark = pytest.mark.integration


def test_a_model_is_published_fetched_once_and_used_by_both_slots(new_yard, tmp_path):
    # Given a store behind http with a model in it
    built = build_tiny_model(tmp_path / "built", "far")
    served = tmp_path / "served"
    model = ModelStore(load_settings(model_store=served)).register(built, read_spec(built / FILE_NAME))
    cache = tmp_path / "cache"

    with file_server(served) as server:
        elsewhere = {"VEDETTE_MODEL_STORE": server.url(), "VEDETTE_MODEL_CACHE": str(cache)}
        with new_yard.worker("far", "--memory", "2g", "--slots", "2", "--threads", "1", **elsewhere) as worker:
            # When the worker has looked into it
            known = wait_until(new_yard.registry.models, 30, that="the model is in the registry")
            assert known == [model]

            # Then jobs are done with it by two slots, which fetch it once
            jobs = [new_yard.submit(model, new_yard.plain_images(4), batch_size=1) for _ in range(4)]
            results = [result for job in jobs for result in job.finished(60).values()]
            assert all(result.ok for result in results), [result.failure for result in results]
            assert server.asked_for("variables.index") == [""]
            # And the main process has no thread that its slots would inherit
            assert (worker.process.poll(), _threads(worker.process.pid)) == (None, 1)

            # And what is loaded is used on when the store is away
            server.statuses = [503] * 1000
            again = new_yard.submit(model, new_yard.plain_images(2)).finished(60)
            assert all(result.ok for result in again.values())


def _threads(pid):
    return psutil.Process(pid).num_threads()


def test_a_store_whose_package_is_missing_refuses_the_start(yard):
    done = failed_start(yard.settings, VEDETTE_MODEL_STORE="gs://bucket/models")

    assert done.returncode == 2, done.stderr
    assert "gs://bucket/models: gs needs one more package; install the package gcsfs" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
