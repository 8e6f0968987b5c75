"""The question that KEDA asks Prometheus, answered by Prometheus' own tool in the situations that matter."""

import shutil
import subprocess

import pytest
import yaml

from tests.support.compose import ROOT

UP = {"series": "vedette_redis_up", "values": "1 1"}


def series(name, queue, value):
    return {"series": f'{name}{{queue="{queue}"}}', "values": f"{value} {value}"}


def queue(name, waiting, running):
    return [series("vedette_queue_tasks", name, waiting), series("vedette_queue_tasks_in_flight", name, running)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([UP, *queue("detect.any.2g", 5, 0)], 5, id="all wait"),
        pytest.param([UP, *queue("detect.any.2g", 0, 3)], 3, id="the list is empty, and slots are at work"),
        pytest.param([UP, *queue("detect.any.2g", 5, 3), *queue("detect.x86_64_v4.2g", 1, 1)], 10, id="any CPU level"),
        pytest.param([UP, *queue("detect.any.4g", 5, 3), *queue("detect.any.12g", 9, 9)], 0, id="tiers of others"),
        pytest.param([UP], 0, id="no queue is in use"),
        pytest.param([], None, id="the exporter is silent: no answer, and KEDA keeps what there is"),
        pytest.param([{"series": "vedette_redis_up", "values": "0 0"}], None, id="nor with a Redis that is away"),
    ],
)
def test_the_medium_class_is_scaled_by_what_waits_and_runs_on_its_queues(tmp_path, told, expected):
    if shutil.which("promtool") is None:
        pytest.skip("promtool (Debian: prometheus) is not installed")
    answer = [] if expected is None else [{"labels": "{}", "value": expected}]
    asked = {"expr": query("medium"), "eval_time": "1m", "exp_samples": answer}
    test = {"interval": "1m", "input_series": told, "promql_expr_test": [asked]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def query(name):
    kustomization = yaml.safe_load((ROOT / f"deploy/kubernetes/{name}/kustomization.yaml").read_text())
    (patch,) = [each["patch"] for each in kustomization["patches"] if each["target"]["kind"] == "ScaledObject"]
    (asked,) = [each["value"] for each in yaml.safe_load(patch) if each["path"].endswith("/query")]
    return asked
