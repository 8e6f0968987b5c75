"""Clients of TensorFlow Serving and of the Open Inference Protocol, with only the base URL changed."""

import base64
import json
import struct
from collections.abc import Iterator

import httpx
import pytest

from contract.registry import Registry
from contract.settings import Settings
from producer import Client
from tests.support.builders import advert, spec
from tests.support.gateway import PlayedWorker, running_gateway

pytestmark = pytest.mark.integration

JPEG = b"\xff\xd8\xff\xe0 a picture"


@pytest.fixture
def kept() -> dict[str, bytes]:
    return {}


@pytest.fixture
def http(settings: Settings, kept: dict[str, bytes]) -> Iterator[httpx.Client]:
    def store(content: bytes) -> str:
        name = "image_missing" if content == b"none" else str(len(kept))
        kept[uri := f"/uploads/{name}"] = content
        return uri

    with running_gateway(settings, store=store) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_tf_servings_own_client(http: httpx.Client, worker: PlayedWorker, kept: dict[str, bytes]) -> None:
    """As tensorflow_serving/example/resnet_client.py does it: JSON in text, `predictions` out."""
    request = f'{{"instances" : [{{"b64": "{b64(JPEG)}"}}]}}'
    response = http.post("/v1/models/defects-small:predict", content=request)
    response.raise_for_status()

    [prediction] = response.json()["predictions"]
    assert prediction["num_detections"] == 1.0
    assert prediction["detection_boxes"] == [pytest.approx([20 / 960, 10 / 1280, 60 / 960, 110.5 / 1280])]
    assert [kept[image.uri] for image in worker.seen] == [JPEG]


@pytest.mark.usefixtures("worker")
def test_tf_serving_by_version_and_in_columns(http: httpx.Client) -> None:
    body = {"inputs": {"image_bytes": [{"b64": b64(JPEG)}, {"b64": b64(JPEG + b"2")}]}}

    answer = http.post("/v1/models/defects-small/versions/1:predict", json=body).json()

    assert answer["outputs"]["num_detections"] == [1.0, 1.0]
    assert set(answer["outputs"]) == {"detection_boxes", "detection_scores", "detection_classes", "num_detections"}


def test_tf_servings_status(http: httpx.Client, registry: Registry) -> None:
    registry.publish_model(spec(version="1"))
    registry.publish_model(spec(version="2", base="3g"))
    registry.publish_advert(advert(memory="1g"))

    states = http.get("/v1/models/defects-small").json()["model_version_status"]
    one = http.get("/v1/models/defects-small/versions/1").json()["model_version_status"]

    assert [(state["version"], state["state"]) for state in states] == [("2", "UNKNOWN"), ("1", "AVAILABLE")]
    assert one == states[1:]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/models/nobody:predict", {"instances": [{"b64": b64(JPEG)}]}, 404, "model_unknown"),
        ("/v1/models/defects-small/versions/9:predict", {"instances": [{"b64": b64(JPEG)}]}, 404, "model_unknown"),
        ("/v1/models/defects-small:predict", {"instances": [[[1, 2, 3]]]}, 422, "invalid_argument"),
        ("/v1/models/defects-small/labels/canary:predict", {"instances": [{"b64": b64(JPEG)}]}, 404, "model_unknown"),
        ("/v1/models/defects-small:predict", {"instances": [{"b64": b64(b"none")}]}, 422, "image_missing"),
        (
            "/v2/models/nobody/infer",
            {"inputs": [{"datatype": "BYTES", "shape": [1], "data": [b64(JPEG)]}]},
            404,
            "model_unknown",
        ),
        ("/v2/models/defects-small/infer", {}, 422, "invalid_argument"),
        (
            "/v2/models/defects-small/infer",
            {"inputs": [{"datatype": "BYTES", "shape": [1], "data": [b64(b"none")]}]},
            422,
            "image_missing",
        ),
    ],
)
def test_errors_are_as_their_clients_read_them(
    http: httpx.Client, path: str, body: object, status: int, code: str
) -> None:
    answer = http.post(path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"error", "code"}


@pytest.mark.usefixtures("fleet")
def test_what_a_model_takes_and_gives(http: httpx.Client) -> None:
    told = http.get("/v1/models/defects-small/metadata").json()
    assert told["model_spec"] == {"name": "defects-small", "signature_name": "", "version": "1"}
    assert http.get("/v1/models/defects-small/versions/1/metadata").json() == told
    assert http.get("/v2/models/defects-small/versions/1/config").json()["max_batch_size"] == 0
    assert http.get("/v2/models/defects-small/config").json()["name"] == "defects-small"
    for path in (
        "/v1/models/nobody/metadata",
        "/v2/models/nobody/config",
        "/v1/models/defects-small/versions/2/metadata",
    ):
        assert http.get(path).json()["code"] == "model_unknown"


@pytest.mark.usefixtures("fleet")
def test_a_label_of_a_version_is_refused_with_what_there_is(http: httpx.Client) -> None:
    for path in ("/v1/models/defects-small/labels/stable", "/v1/models/defects-small/labels/stable/metadata"):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "model_unknown")
        assert "no version of 'defects-small' is labelled 'stable'" in answer.json()["error"]


def test_the_index_says_what_can_be_run(http: httpx.Client, registry: Registry) -> None:
    registry.publish_model(spec(version="1"))
    registry.publish_model(spec(version="2", base="3g"))
    registry.publish_advert(advert(memory="1g"))

    states = {entry["version"]: entry["state"] for entry in http.post("/v2/repository/index", json={}).json()}

    assert states == {"1": "READY", "2": "UNAVAILABLE"}


def test_pixels_are_kept_as_a_file_that_workers_read(
    http: httpx.Client, worker: PlayedWorker, kept: dict[str, bytes]
) -> None:
    answer = http.post("/v1/models/defects-small:predict", json={"instances": [[[[1, 2, 3]]]]})

    assert answer.status_code == 200, answer.text
    assert [kept[image.uri] for image in worker.seen] == [b"P6\n1 1\n255\n\x01\x02\x03"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("length", ["", "-1", "1e3", "9" * 5000])
def test_a_length_that_is_none(http: httpx.Client, length: str) -> None:
    answer = http.post("/v2/models/defects-small/infer", headers={"Inference-Header-Content-Length": length}, json={})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_argument")
    assert "Inference-Header-Content-Length" in answer.json()["error"]


@pytest.mark.usefixtures("worker")
def test_an_open_inference_client(http: httpx.Client) -> None:
    assert http.get("/v2/health/live").json() == {"live": True}
    assert http.get("/v2/health/ready").json() == {"ready": True}
    assert http.get("/v2/models/defects-small/ready").json()["ready"] is True
    metadata = http.get("/v2/models/defects-small").json()
    [wanted] = metadata["inputs"]

    answer = http.post(
        "/v2/models/defects-small/infer",
        json={
            "id": "order-66",
            "inputs": [{**wanted, "shape": [1], "data": [b64(JPEG)]}],
        },
    ).json()

    shapes = {output["name"]: output["shape"] for output in answer["outputs"]}
    assert shapes == {
        "detection_boxes": [1, 1, 4],
        "detection_scores": [1, 1],
        "detection_classes": [1, 1],
        "num_detections": [1],
    }
    assert (answer["model_version"], answer["id"]) == ("1", "order-66")


def test_an_open_inference_client_that_sends_bytes(
    http: httpx.Client, worker: PlayedWorker, kept: dict[str, bytes]
) -> None:
    raw = struct.pack("<I", len(JPEG)) + JPEG
    given = {"name": "image_bytes", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(raw)}}
    told = json.dumps({"inputs": [given]}).encode()

    answer = http.post(
        "/v2/models/defects-small/versions/1/infer",
        content=told + raw,
        headers={"Inference-Header-Content-Length": str(len(told)), "Content-Type": "application/octet-stream"},
    )

    assert answer.status_code == 200, answer.text
    assert [kept[image.uri] for image in worker.seen] == [JPEG]


def test_a_model_that_nobody_can_run_is_not_ready(http: httpx.Client, registry: Registry) -> None:
    registry.publish_model(spec())

    answer = http.get("/v2/models/defects-small/ready")

    assert (answer.status_code, answer.json()["code"]) == (503, "no_capable_worker")


@pytest.mark.usefixtures("fleet")
def test_where_no_images_are_taken_it_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Client, "upload", raising=False)
    with running_gateway(settings) as url, httpx.Client(base_url=url) as http:
        answer = http.post("/v1/models/defects-small:predict", json={"instances": [{"b64": b64(JPEG)}]})
        assert (answer.status_code, answer.json()["code"]) == (501, "uploads_off")
        assert "/v2/models/{model}/infer" not in http.get("/openapi.json").json()["paths"]
