"""Jobs over HTTP: submitted, looked at, read, followed, cancelled, and what is refused."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis

from contract.messages import ImageResult
from contract.registry import Registry
from contract.settings import Settings
from producer.gateway.limits import Limits
from tests.support.builders import advert, spec
from tests.support.gateway import PlayedWorker, running_gateway
from tests.support.redis_server import free_port

pytestmark = pytest.mark.integration


def submit(http: httpx.Client, *images: Any, **fields: Any) -> str:
    answer = http.post("/v1/jobs", json={"images": list(images), "model": "defects-small", **fields})
    assert answer.status_code == 201, answer.text
    job: str = answer.json()["id"]
    return job


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("fleet")
def test_a_job_from_submission_to_results(http: httpx.Client, worker: PlayedWorker) -> None:
    answer = http.post(
        "/v1/jobs",
        json={
            "images": ["/images/a.jpg", {"name": "gate-7", "uri": "/images/b.jpg"}],
            "model": "defects-small",
            "batch_size": 4,
            "min_score": 0.25,
        },
    )
    job = answer.json()["id"]
    assert answer.headers["Location"] == f"/v1/jobs/{job}"
    assert (answer.json()["total"], answer.json()["model"]) == (2, "defects-small@1")

    lines = lines_of(http.get(f"/v1/jobs/{job}/results", params={"follow": True}).text)

    *results, last = lines
    assert {(line["index"], line["image"]) for line in results if "image" in line} == {
        (0, "/images/a.jpg"),
        (1, "gate-7"),
    }
    assert last == {"cursor": 2, "state": "done", "done": 2, "total": 2}
    assert {image.uri for image in worker.seen} == {"/images/a.jpg", "/images/b.jpg"}
    status = http.get(f"/v1/jobs/{job}").json()
    assert (status["state"], status["succeeded"], status["failed"]) == ("done", 2, 0)


@pytest.mark.usefixtures("worker")
def test_a_line_is_an_image_result_with_its_index(http: httpx.Client) -> None:
    job = submit(http, "/images/a.jpg", "/images/image_missing.jpg")
    http.get(f"/v1/jobs/{job}/results", params={"follow": True})

    lines = lines_of(http.get(f"/v1/jobs/{job}/results").text)[:-1]

    for line in lines:
        line.pop("index")
        assert json.loads(ImageResult.model_validate(line).model_dump_json()) == line
    assert [line.get("failure", {}).get("code") for line in lines] == [None, "image_missing"]


@pytest.mark.usefixtures("worker")
def test_results_are_read_on_from_a_cursor(http: httpx.Client) -> None:
    job = submit(http, *(f"/images/{number}.jpg" for number in range(25)))
    http.get(f"/v1/jobs/{job}/results", params={"follow": True})

    seen, cursor = [], 0
    for _ in range(4):
        page = http.get(f"/v1/jobs/{job}/results", params={"cursor": cursor, "limit": 10})
        *results, last = lines_of(page.text)
        assert str(last["cursor"]) == page.headers["Vedette-Cursor"]
        cursor = last["cursor"]
        seen += [line["index"] for line in results]

    assert sorted(seen) == [*range(25)]
    assert cursor == 25


@pytest.mark.usefixtures("worker")
def test_a_cursor_that_nobody_can_have_reads_nothing_and_ends(http: httpx.Client) -> None:
    job = submit(http, "/images/a.jpg")
    http.get(f"/v1/jobs/{job}/results", params={"follow": True})

    for follow in (False, True):
        answer = http.get(f"/v1/jobs/{job}/results", params={"cursor": 2**53, "follow": follow})
        assert [line.get("state") for line in lines_of(answer.text)] == ["done"]


def test_results_stream_while_the_job_runs(http: httpx.Client, worker: PlayedWorker) -> None:
    worker.may_go_on.clear()
    job = submit(http, "/images/a.jpg", "/images/b.jpg")

    with http.stream("GET", f"/v1/jobs/{job}/results", params={"follow": True}) as answer:
        assert http.get(f"/v1/jobs/{job}").json()["state"] == "open", "the stream begins before the first result"
        worker.may_go_on.set()
        lines = [json.loads(line) for line in answer.iter_lines()]

    assert sorted(line["index"] for line in lines if "index" in line) == [0, 1]
    assert lines[-1]["state"] == "done"


@pytest.mark.usefixtures("fleet")
def test_a_stream_that_breaks_off_with_redis_says_so_in_its_last_line(
    http: httpx.Client, redis_client: redis.Redis
) -> None:
    job = submit(http, "/images/a.jpg")

    with http.stream("GET", f"/v1/jobs/{job}/results", params={"follow": True}) as answer:
        redis_client.flushall()
        last = json.loads([*answer.iter_lines()][-1])

    assert last["code"] == "job_unknown"


@pytest.mark.usefixtures("fleet")
def test_more_streams_than_are_allowed_are_told_to_come_back(settings: Settings) -> None:
    with running_gateway(settings, limits=Limits(streams=1)) as url, httpx.Client(base_url=url) as http:
        job = submit(http, "/images/a.jpg")
        with http.stream("GET", f"/v1/jobs/{job}/events") as first:
            held = first.iter_lines()
            next(held)
            for path in ("events", "results?follow=1"):
                refused = http.get(f"/v1/jobs/{job}/{path}")
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
                assert int(refused.headers["Retry-After"]) > 0
            http.delete(f"/v1/jobs/{job}")


# Events


def events_of(lines: Iterator[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = [{}]
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[-1][name] = value
        else:
            found.append({})
    return [event for event in found if event]


def test_events_tell_the_progress_and_the_end(http: httpx.Client, worker: PlayedWorker) -> None:
    worker.may_go_on.clear()
    job = submit(http, "/images/a.jpg", "/images/image_missing.jpg")

    with http.stream("GET", f"/v1/jobs/{job}/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        threading.Timer(0.3, worker.may_go_on.set).start()
        events = events_of(answer.iter_lines())

    assert events[0]["event"] == "progress"
    assert json.loads(events[0]["data"])["succeeded"] == 0
    assert events[-1]["event"] == "end"
    assert json.loads(events[-1]["data"])["failed"] == 1
    assert len({event["id"] for event in events}) == len(events)

    # Given somebody who comes back: what is known is not told again, and an end that is known ends it.
    again = http.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": events[0]["id"]})
    assert [event["event"] for event in events_of(iter(again.text.splitlines()))] == ["end"]
    assert http.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": events[-1]["id"]}).status_code == 204


# Cancelling


@pytest.mark.usefixtures("fleet")
def test_cancel(http: httpx.Client) -> None:
    job = submit(http, "/images/a.jpg")

    assert http.delete(f"/v1/jobs/{job}").json() == {"id": job, "before": "open"}
    assert http.delete(f"/v1/jobs/{job}").json() == {"id": job, "before": "cancelled"}
    assert http.get(f"/v1/jobs/{job}").json()["state"] == "cancelled"


# What there is


@pytest.mark.usefixtures("fleet")
def test_models_and_fleet(http: httpx.Client) -> None:
    [model] = http.get("/v1/models").json()["models"]
    assert (model["ref"], model["queue"], model["slots"]) == ("defects-small@1", "detect.any.512m", 1)
    assert http.get("/v1/catalog/defects-small").json() == model
    assert http.get("/v1/catalog/defects").json()["code"] == "model_unknown"
    [worker] = http.get("/v1/fleet").json()["workers"]
    assert (worker["node"], worker["capability"]["slots"]) == ("small@yard", 1)


# What is refused


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("body", "status", "code", "names"),
    [
        ({"images": ["/a.jpg"]}, 422, "invalid_argument", "model"),
        ({"images": [], "model": "defects-small"}, 422, "invalid_argument", "images"),
        ({"images": ["a.jpg"], "model": "defects-small"}, 422, "invalid_argument", "images[0]: 'a.jpg'"),
        ({"images": ["/a.jpg", "/" + "a" * 5000], "model": "defects-small"}, 422, "invalid_argument", "images[1]"),
        ({"images": ["/a\0b"], "model": "defects-small"}, 422, "invalid_argument", "images[0]"),
        ({"images": ["/a.jpg"], "model": "defects-small", "min_score": 2}, 422, "invalid_argument", "min_score"),
        ({"images": ["/a.jpg"], "model": "defects-small", "min_skore": 1}, 422, "invalid_argument", "min_skore"),
        ({"images": ["/a.jpg"], "model": "defects-small", "batch_size": "8"}, 422, "invalid_argument", "batch_size"),
        ({"images": ["/a.jpg"], "model": "nobody"}, 404, "model_unknown", "defects-small@1"),
        ({"images": ["/\ud800.jpg"], "model": "defects-small"}, 422, "invalid_argument", "Invalid JSON"),
    ],
)
def test_a_request_that_cannot_be_meant(http: httpx.Client, body: Any, status: int, code: str, names: str) -> None:
    answer = http.post("/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "message"}
    assert names in answer.json()["message"]
    assert "Traceback" not in answer.text


def test_a_model_that_no_worker_can_run_is_told_with_what_is_missing(http: httpx.Client, registry: Registry) -> None:
    registry.publish_model(spec(base="3g"))
    registry.publish_advert(advert(memory="1g"))

    answer = http.post("/v1/jobs", json={"images": ["/a.jpg"], "model": "defects-small"})

    assert (answer.status_code, answer.json()["code"]) == (503, "no_capable_worker")
    assert "small@yard has 1.0 GiB per slot" in answer.json()["message"]
    assert int(answer.headers["Retry-After"]) > 0
    assert submit(http, "/a.jpg", allow_waiting=True)


@pytest.mark.parametrize("job", ["job-20200101-00000000", "x:tasks", "a" * 65, "%00"])
def test_a_job_that_is_none(http: httpx.Client, job: str) -> None:
    for path in (
        f"/v1/jobs/{job}",
        f"/v1/jobs/{job}/results",
        f"/v1/jobs/{job}/results?follow=1",
        f"/v1/jobs/{job}/events",
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) in {(404, "job_unknown"), (422, "invalid_argument")}


def test_limits_of_one_request(settings: Settings) -> None:
    limits = Limits(body_bytes=1000, images=2, header_bytes=16_000)
    body = json.dumps({"images": ["/a.jpg"] * 300, "model": "defects-small"}).encode()

    with running_gateway(settings, limits=limits) as url, httpx.Client(base_url=url) as http:
        told = http.post("/v1/jobs", content=body)
        as_json = {"Content-Type": "application/json"}
        chunked = http.post("/v1/jobs", content=iter([body[:900], body[900:]]), headers=as_json)
        many = http.post("/v1/jobs", json={"images": ["/a.jpg"] * 3, "model": "defects-small"})
        header = http.get("/healthz", headers={"X-Long": "x" * 17_000})

    for answer in (told, chunked, many, header):
        assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert "at most 2" in many.json()["message"]


def test_paths_and_methods_that_are_none_have_the_same_shape(http: httpx.Client) -> None:
    nowhere, wrong = http.get("/v1/nowhere"), http.put("/v1/jobs")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"
    assert http.put("/v1/jobs/job-1").headers["Allow"] == "DELETE, GET"


def test_every_answer_has_a_request_id(http: httpx.Client) -> None:
    assert http.get("/healthz", headers={"X-Request-Id": "order-66"}).headers["X-Request-Id"] == "order-66"
    assert http.get("/nowhere", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"
    assert len(http.post("/v1/jobs").headers["X-Request-Id"]) == 16


def test_without_redis_it_lives_but_is_not_ready(settings: Settings) -> None:
    gone = settings.model_copy(update={"redis_url": f"redis://:secret@127.0.0.1:{free_port()}/0"})

    with running_gateway(gone) as url, httpx.Client(base_url=url, timeout=20) as http:
        assert http.get("/healthz").status_code == 200
        for answer in (http.get("/readyz"), http.get("/v1/models"), http.get("/v1/jobs/job-1")):
            assert (answer.status_code, answer.json()["code"]) == (503, "redis_unreachable")
            assert "127.0.0.1" not in answer.text


def test_ready(http: httpx.Client) -> None:
    assert http.get("/readyz").json() == {"status": "ok"}
