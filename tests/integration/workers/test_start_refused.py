"""A worker that cannot work says why in plain words, exits, and has never listened."""

import pytest

from tests.support.worker_process import failed_start

pytestmark = pytest.mark.integration

ILLEGAL = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"


@pytest.mark.parametrize(
    ("options", "variables", "code", "says"),
    [
        ([], {"VEDETTE_LEASE": "soon"}, 1, ["VEDETTE_LEASE=soon"]),
        ([], {"VEDETTE_LEASE": "10", "VEDETTE_LEASE_RENEWAL": "9"}, 1, ["VEDETTE_LEASE_RENEWAL", "VEDETTE_LEASE "]),
        ([], {"VEDETTE_REDIS_URL": "localhost"}, 1, ["VEDETTE_REDIS_URL=localhost", "redis://"]),
        (["--memory", "900g"], {}, 2, ["--memory 900.0 GiB", "this machine has"]),
        (["--memory", "100m"], {}, 2, ["--memory", "512 MiB"]),
        (["--memory", "much"], {}, 2, ["--memory", "'much'"]),
        (["--cpu", "x86_64_v9"], {}, 2, ["--cpu", "x86_64_v9"]),
        (["-P", "solo"], {}, 2, ["--pool", "Vedette needs prefork"]),
        (["-P", "threads"], {}, 2, ["--pool", "Vedette needs prefork"]),
        (["-Q", "x"], {}, 2, ["-Q", "--memory"]),
        (["--autoscale", "4,1"], {}, 2, ["--autoscale", "--slots"]),
    ],
    ids=[
        "duration",
        "pair",
        "url",
        "too much",
        "too little",
        "amount",
        "cpu",
        "solo",
        "threads",
        "queues",
        "autoscale",
    ],
)
def test_a_start_that_cannot_work_is_refused(yard, options, variables, code, says):
    done = failed_start(yard.settings, *options, **variables)

    assert done.returncode == code, done.stderr
    assert all(part in done.stderr for part in says), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "ready." not in done.stdout + done.stderr
    assert yard.advert("refused@") is None
    assert not [advert for advert in yard.registry.adverts() if advert.node.startswith("refused@")]


def test_a_tensorflow_that_this_cpu_cannot_run_is_found_before_the_worker_listens(yard, tmp_path):
    (tmp_path / "tensorflow.py").write_text(ILLEGAL)

    done = failed_start(yard.settings, PYTHONPATH=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "SIGILL" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not [advert for advert in yard.registry.adverts() if advert.node.startswith("refused@")]


def test_a_slot_that_cannot_be_opened_is_a_failure_to_whoever_supervises(yard):
    done = failed_start(yard.settings, "-I", "tests.support.unopened_slot")

    assert done.returncode == 1, done.stderr
    assert "a slot could not be opened; the worker ends" in done.stdout + done.stderr
    assert "no slot today" in done.stdout + done.stderr
    assert not [advert for advert in yard.registry.adverts() if advert.node.startswith("refused@")]
