"""Programs that were written for other servers, on a gateway and a real worker: only the base URL is another one."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import running_gateway
from tests.support.images import encode, scene
from tests.support.yard import Yard, yard_in

pytestmark = pytest.mark.integration

CLIENTS = Path(__file__).parent / "clients"
PIXELS = scene(64, 48, seed=7)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with yard_in(tmp_path_factory.mktemp("yard")) as yard:
        yard.model("tiny")
        with yard.worker("served", "--memory", "2g", "--slots", "1"):
            yield yard


@pytest.fixture(scope="module")
def url(yard: Yard) -> Iterator[str]:
    with running_gateway(yard.settings) as url:
        yield url


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(encode(PIXELS, "PNG"))
    return path


def ran(name: str, package: str, url: str, image: Path) -> dict[str, Any]:
    """What the program prints; it has the warnings and settings of its own process."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install '.[dev]'")
    command = [sys.executable, str(CLIENTS / f"{name}.py"), url, "tiny", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def the_rectangle() -> list[list[Any]]:
    """Class and box of the bright rectangle of `PIXELS`, as fractions: y_min, x_min, y_max, x_max."""
    height, width, _ = PIXELS.shape
    bright = (PIXELS == 255).all(axis=2)
    rows, columns = bright.any(axis=1).nonzero()[0], bright.any(axis=0).nonzero()[0]
    box = [rows[0] / height, columns[0] / width, (rows[-1] + 1) / height, (columns[-1] + 1) / width]
    return [[1, *(pytest.approx(side, abs=0.02) for side in box)]]


def test_tensorflow_serving_example(url: str, image: Path) -> None:
    told = ran("tf_serving_client", "requests", url, image)

    assert told["state"] == "AVAILABLE"
    assert told["outputs"] == ["detection_boxes", "detection_classes", "detection_scores", "num_detections"]
    assert told["file"] == told["tensor"] == the_rectangle()


def test_tritons_client(url: str, image: Path) -> None:
    told = ran("triton_client", "tritonclient", url, image)

    assert [told[name] for name in ("live", "ready", "model_ready", "version_ready")] == [True] * 4
    assert told["unknown_ready"] is False
    assert told["extensions"] == ["binary_tensor_data", "model_configuration"]
    assert told["index"] == [{"name": "tiny", "version": "1", "state": "READY", "reason": ""}]
    ways = [told[f"{kind}, {how}"] for kind in ("file", "tensor") for how in ("raw", "json")]
    assert [*ways, told["no outputs named"]] == [the_rectangle()] * 5
    assert told["nothing"] == [1, 0, 4]
    assert told["error"][0] == "404"
    assert "unknown model 'nobody'" in told["error"][1]


def test_the_open_inference_protocols_own_client(url: str, image: Path) -> None:
    told = ran("oip_client", "open_inference", url, image)

    assert (told["server"], told["versions"], told["unknown"]) == ("vedette", ["1"], 404)
    assert told["file"] == told["tensor"] == the_rectangle()
