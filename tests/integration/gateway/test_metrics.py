"""What Prometheus reads of a gateway."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract.ledger import Ledger
from contract.settings import Settings
from tests.support.builders import image_refs, options
from tests.support.gateway import QUEUE, running_gateway
from tests.support.redis_server import free_port
from tests.support.wait import wait_until

pytestmark = pytest.mark.integration


def values(http: httpx.Client) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their names) → value."""
    text = http.get("/metrics").text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.usefixtures("worker")
def test_requests_jobs_and_images_are_counted(http: httpx.Client) -> None:
    body = {"images": ["/images/a.jpg", "/images/b.jpg"], "model": "defects-small"}
    for _ in range(2):
        job = http.post("/v1/jobs", json=body).json()["id"]
        http.get(f"/v1/jobs/{job}/results?follow=1")
    http.post("/v1/detect", json={"image": "/images/a.jpg", "model": "defects-small"})
    http.get("/v1/jobs/job-1")
    for word in ("one", "two"):
        http.get(f"/{word}")
        http.request(word.upper(), "/healthz")

    seen = values(http)

    requests = "vedette_gateway_requests_total"  # method, route, status
    assert seen[requests, "POST", "/v1/jobs", "201"] == 2
    assert seen[requests, "GET", "/v1/jobs/{job_id}/results", "200"] == 2
    assert seen[requests, "GET", "/v1/jobs/{job_id}", "404"] == 1
    assert seen[requests, "GET", "none", "404"] == 2, "no series of a caller's making"
    assert sum(count for key, count in seen.items() if key[:2] == (requests, "other")) == 2
    assert seen["vedette_gateway_response_seconds_count", "/v1/detect"] == 1
    assert seen["vedette_gateway_jobs_total",] == 3
    assert seen["vedette_gateway_images_total",] == 5
    assert seen["vedette_gateway_streams",] == 0


@pytest.mark.usefixtures("fleet")
def test_what_waits_on_the_queues(http: httpx.Client, ledger: Ledger) -> None:
    assert values(http)["vedette_queue_images", QUEUE] == 0

    ledger.create_job("job-1", options(), QUEUE)
    ledger.add_task("job-1", "task-1", QUEUE, 8, image_refs(20))
    ledger.rung("task-1", QUEUE)

    # What is told may be a second old.
    wait_until(lambda: values(http)["vedette_queue_tasks", QUEUE], 5, that="the task is seen")
    seen = values(http)
    assert (seen["vedette_queue_tasks", QUEUE], seen["vedette_queue_images", QUEUE]) == (1, 20)
    assert 0 <= seen["vedette_queue_oldest_seconds", QUEUE] < 10
    assert seen["vedette_redis_up",] == 1


def test_without_redis_the_rest_is_told(settings: Settings) -> None:
    gone = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})

    with running_gateway(gone) as url, httpx.Client(base_url=url, timeout=20) as http:
        seen = values(http)

    assert seen["vedette_redis_up",] == 0
    assert not [key for key in seen if key[0].startswith("vedette_queue")]
