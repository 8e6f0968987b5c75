"""A worker that reads images from a web server, from Redis and by names that are no text. Submitted by the Client."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from contract.model_spec import ModelSpec
from producer import Client
from tests.support.images import encode, scene
from tests.support.web import Answer, Web, to, web
from tests.support.yard import Yard

pytestmark = pytest.mark.integration


@dataclass
class Elsewhere:
    yard: Yard
    model: ModelSpec
    client: Client
    open: Web
    inside: Web

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.open.port}{path}"


@pytest.fixture(scope="module")
def elsewhere(new_yard: Yard) -> Iterator[Elsewhere]:
    """A worker that may fetch from one server on this machine; another one is open to nobody."""
    model = new_yard.model("tiny")
    with ExitStack() as stack:
        served = stack.enter_context(web())
        inside = stack.enter_context(web({"/secret.png": Answer(encode(scene(), "PNG"))}, "127.0.0.2"))
        opened = {
            "VEDETTE_IMAGE_HOSTS": f"127.0.0.1:{served.port},127.0.0.2:{inside.port}",
            "VEDETTE_IMAGE_PRIVATE": "127.0.0.1/32",
        }
        stack.enter_context(new_yard.worker("far", "--memory", "2g", "--slots", "1", **opened))
        settings = new_yard.settings.model_copy(
            update={"image_hosts": (f"127.0.0.1:{served.port}",), "image_private": ("127.0.0.1/32",)}
        )
        client = stack.enter_context(Client(settings=settings))
        yield Elsewhere(new_yard, model, client, served, inside)


def test_images_of_a_server_of_redis_and_of_odd_names_in_one_job(elsewhere: Elsewhere) -> None:
    # Given images of three kinds, one that is gone, and one whose server sends the worker on to what it must not read
    elsewhere.open.answers |= {f"/{n}.png": Answer(encode(scene(seed=n), "PNG")) for n in range(6)}
    elsewhere.open.answers["/bad.png"] = to(f"http://127.0.0.2:{elsewhere.inside.port}/secret.png")
    odd = os.fsencode(elsewhere.yard.images) + b"/caf\xe9.png"
    with open(odd, "wb") as file:  # noqa: PTH123  # a name of bytes
        file.write(encode(scene(seed=7), "PNG"))
    images = {
        **{f"{n}": elsewhere.url(f"/{n}.png") for n in range(6)},
        "upload": elsewhere.client.upload(encode(scene(seed=8), "PNG")),
        "odd": os.fsdecode(odd),
        "gone": elsewhere.url("/gone.png"),
        "bad": elsewhere.url("/bad.png"),
    }

    # When they are detected
    results = {result.image: result for result in elsewhere.client.submit(images.items(), "tiny").results(60)}

    # Then all that can be read has been
    assert {name: result.failure.code for name, result in results.items() if result.failure is not None} == {
        "gone": "image_missing",
        "bad": "image_forbidden",
    }
    assert len(results) == len(images)
    assert all(result.detections for name, result in results.items() if name not in ("gone", "bad"))
    # And each image was asked for once, and the one inside never
    assert sorted(elsewhere.open.paths) == sorted([*(f"/{n}.png" for n in range(6)), "/gone.png", "/bad.png"])
    assert elsewhere.inside.requests == []


def test_an_image_whose_server_was_away_is_a_dead_letter_and_can_be_put_back(elsewhere: Elsewhere) -> None:
    elsewhere.open.answers["/later.png"] = Answer(status=503)
    job = elsewhere.client.submit([("later", elsewhere.url("/later.png"))], "tiny")
    [result] = job.results(60)
    assert result.failure is not None
    assert result.failure.code == "unreachable"

    elsewhere.open.answers["/later.png"] = Answer(encode(scene(), "PNG"))

    assert elsewhere.client.retry_dead(job.id) == 1
    assert [result.ok for result in job.results(60)] == [True]
