"""The Kubernetes manifests: Kubernetes' own schemas, and facts that these cannot know. KEDA's are checked here."""

import re
import shutil
import subprocess
from itertools import pairwise

import pytest
import yaml

from contract.memory import TIERS_BYTES, parse_bytes, tier_name
from contract.settings import PREFIX, Settings, load_settings
from tests.support.compose import ROOT, services
from tests.unit.deploy.times import GATEWAY_S, WORKER_S
from workers.hardware.memory import container_reserve_bytes

BASE = ROOT / "deploy/kubernetes"
CLASSES = ("small", "medium", "large")
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}
OF_OTHERS = {"FLOWER_BASIC_AUTH", "FLOWER_READ_ONLY", "TMPDIR"}


@pytest.fixture(scope="module")
def rendered():
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which renders kustomizations, is not installed")
    told = subprocess.run(["kubectl", "kustomize", BASE], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "deprecated" not in told.stderr, told.stderr
    return [*yaml.safe_load_all(told.stdout)]


@pytest.fixture(scope="module")
def named(rendered):
    return {(each["kind"], each["metadata"]["name"]): each for each in rendered}


@pytest.fixture(scope="module")
def pods(rendered):
    return {each["metadata"]["name"]: each["spec"]["template"] for each in rendered if each["kind"] == "Deployment"}


@pytest.fixture(scope="module")
def workers(pods):
    return {each: pods[f"vedette-worker-{each}"] for each in CLASSES}


def container(pod):
    (only,) = pod["spec"]["containers"]
    return only


def quantity(text):
    """Kubernetes' `2Gi`."""
    return parse_bytes(text.removesuffix("i"))


def test_kubernetes_schemas_take_every_resource(rendered):
    validate = pytest.importorskip("kubernetes_validate")
    checked = [each for each in rendered if each["kind"] != "ScaledObject"]
    assert len(checked) >= 15
    for resource in checked:
        validate.validate(resource, validate.latest_version(), strict=True)


def test_each_pod_is_guarded(pods):
    for name, pod in pods.items():
        spec, inside = pod["spec"], container(pod)
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        assert inside["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(inside), name
        assert ":" in inside["image"], name
        assert not inside["image"].endswith(":latest"), name


def test_memory_that_is_promised_is_memory_that_is_there(pods):
    for name, pod in pods.items():
        resources = container(pod)["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"], name
    for name in CLASSES:
        resources = container(pods[f"vedette-worker-{name}"])["resources"]
        assert resources["requests"] == resources["limits"], name


def test_classes_differ_by_their_limits_and_are_those_of_compose(workers):
    compose = services(dict.fromkeys(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()), "x"))
    for name, pod in workers.items():
        memory = quantity(container(pod)["resources"]["limits"]["memory"])
        assert memory == compose[f"worker-{name}"].memory_bytes
        assert container(pod)["args"][-1] == f"{name}@%h"


def test_who_ends_has_the_time_for_it(pods, workers):
    for pod in workers.values():
        assert pod["spec"]["terminationGracePeriodSeconds"] >= WORKER_S
    gateway = pods["vedette-gateway"]
    hook = float(container(gateway)["lifecycle"]["preStop"]["exec"]["command"][1])
    assert gateway["spec"]["terminationGracePeriodSeconds"] > hook + GATEWAY_S


def test_every_variable_is_a_setting_and_has_a_value_that_it_takes(rendered, pods, monkeypatch):
    given = {}
    for resource in rendered:
        if resource["kind"] == "ConfigMap":
            given |= resource["data"]
    for pod in pods.values():
        names = {each["name"] for each in container(pod).get("env", [])}
        assert names - OF_OTHERS <= SETTINGS
        given |= {each["name"]: each["value"] for each in container(pod)["env"] if "value" in each}
    for name in given.keys() & SETTINGS:
        monkeypatch.setenv(name, given[name])
    assert load_settings().model_cache_bytes == parse_bytes("10g")


def test_volumes_have_room_for_what_is_put_there(workers, rendered):
    (cache,) = [
        each["data"]["VEDETTE_MODEL_CACHE_BYTES"]
        for each in rendered
        if "worker-settings" in str(each) and each["kind"] == "ConfigMap"
    ]
    for pod in workers.values():
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        room = sum(quantity(volumes[name]["emptyDir"]["sizeLimit"]) for name in ("model-cache", "spool"))
        assert quantity(volumes["model-cache"]["emptyDir"]["sizeLimit"]) > parse_bytes(cache)
        assert "medium" not in volumes["spool"]["emptyDir"], "memory would be charged to the worker"
        assert quantity(container(pod)["resources"]["limits"]["ephemeral-storage"]) > room


def test_liveness_is_patient_and_asks_no_redis(pods, workers):
    for pod in workers.values():
        assert "-mmin -10" in container(pod)["livenessProbe"]["exec"]["command"][-1]
    assert container(pods["vedette-gateway"])["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_budgets_and_scalers_are_of_the_class_that_they_name(named, workers):
    for name in CLASSES:
        labels = workers[name]["metadata"]["labels"]
        deployment = named["Deployment", f"vedette-worker-{name}"]
        budget = named["PodDisruptionBudget", f"vedette-worker-{name}"]
        for selector in (deployment["spec"]["selector"], budget["spec"]["selector"]):
            assert selector["matchLabels"]["vedette/class"] == name
            assert selector["matchLabels"].items() <= labels.items()
        assert "replicas" not in deployment["spec"], "the scaler decides"
        assert (
            named["ScaledObject", f"vedette-worker-{name}"]["spec"]["scaleTargetRef"]["name"]
            == f"vedette-worker-{name}"
        )


def test_every_pod_is_behind_the_policy(named, pods):
    selector = named["NetworkPolicy", "vedette"]["spec"]["podSelector"]["matchLabels"]
    assert named["NetworkPolicy", "vedette"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for pod in pods.values():
        assert selector.items() <= pod["metadata"]["labels"].items()
    assert (
        "169.254.0.0/16" in named["NetworkPolicy", "vedette-worker"]["spec"]["egress"][0]["to"][0]["ipBlock"]["except"]
    )


@pytest.mark.parametrize("name", CLASSES)
def test_a_scaler_counts_what_waits_and_what_runs(named, name):
    """KEDA's schema is in no package: names and kinds of fields as in https://keda.sh/docs/latest/scalers/prometheus/."""
    spec = named["ScaledObject", f"vedette-worker-{name}"]["spec"]
    (trigger,) = spec["triggers"]
    query = trigger["metadata"]["query"]
    assert trigger["type"] == "prometheus"
    assert trigger["metricType"] == "AverageValue", "fallback works with it only"
    assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold", "ignoreNullValues"}
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert "vedette_queue_tasks{" in query
    assert "vedette_queue_tasks_in_flight{" in query
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
    # A model of that tier is refused while no worker for it lives, and `bigger` needs one that lives.
    assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]


def test_each_queue_is_scaled_for_by_the_smallest_class_that_serves_it(named, workers):
    usable = {}
    for name, pod in workers.items():
        limit = quantity(container(pod)["resources"]["limits"]["memory"])
        usable[name] = limit - container_reserve_bytes(limit)
    for smaller, larger in pairwise([0, *usable.values()]):
        assert smaller < larger
    tiers = {tier_name(tier): tier for tier in TIERS_BYTES}
    smallest = {
        tier: next(name for name in CLASSES if usable[name] >= needed)
        for tier, needed in tiers.items()
        if needed <= usable["large"]
    }
    for tier, expected in smallest.items():
        scaling = {
            name
            for name in CLASSES
            if re.fullmatch(pattern(named["ScaledObject", f"vedette-worker-{name}"]), f"detect.x86_64_v3.{tier}")
        }
        assert scaling == {expected}, tier


def pattern(scaled):
    """The regular expression for queues, as Prometheus reads it: both of the query's are the same."""
    found = set(re.findall(r'queue=~"([^"]+)"', scaled["spec"]["triggers"][0]["metadata"]["query"]))
    (only,) = found
    return only.replace("\\\\", "\\")


def test_what_it_needs_of_the_cluster_stands_in_the_document(pods):
    document = (ROOT / "docs/deployment.md").read_text()
    for pod in pods.values():
        text = yaml.safe_dump(pod)
        for name in re.findall(r"(?:claimName|secretName): ([\w-]+)", text):
            assert f"`{name}`" in document
        for reference in re.findall(r"secretKeyRef:\n\s+key: ([\w-]+)\n\s+name: ([\w-]+)", text):
            assert all(f"`{word}`" in document for word in reference)
