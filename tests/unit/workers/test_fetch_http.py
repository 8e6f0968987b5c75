"""Hosts that are allowed, and what they do: answers, refusals, silence, more than was asked for. Real servers."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.addresses import parse_network
from contract.reference_policy import Policy, parse_host_rule
from contract.references import HttpReference, parse_reference
from tests.support.redis_server import free_port
from tests.support.web import Answer, Web, to, web
from workers.images import remote
from workers.images.errors import ImageError
from workers.images.remote import FetchLimits, fetch

INSIDE = (parse_network("127.0.0.0/8"), parse_network("::1"))


def get(url: str, bytes_max: int = 100, total_s: float = 20, read_timeout_s: float = 10) -> bytes:
    reference = parse_reference(url)
    assert isinstance(reference, HttpReference)
    policy = Policy(hosts=(parse_host_rule(reference.authority),), private=INSIDE)
    return fetch(reference, policy, FetchLimits(bytes_max, read_timeout_s=read_timeout_s, total_s=total_s))


def failed(url: str, **limits: Any) -> ImageError:
    with pytest.raises(ImageError) as raised:
        get(url, **limits)
    return raised.value


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as served:
        yield served


def at(server: Web, path: str = "/a.jpg") -> str:
    return f"http://{server.address}:{server.port}{path}"


def chunked(*chunks: bytes) -> Answer:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return Answer(raw=lambda: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body, b"0\r\n\r\n"])


@pytest.mark.parametrize("answer", [Answer(b"image"), Answer(b"image", length=False), chunked(b"im", b"age")])
def test_the_bytes_with_a_length_without_and_in_chunks(server: Web, answer: Answer) -> None:
    server.answers["/a.jpg"] = answer

    assert get(at(server)) == b"image"
    assert get(at(server), bytes_max=5) == b"image"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"image"),
        Answer(b"image", length=False),
        chunked(b"im", b"age"),
        Answer(headers={"Content-Length": "9" * 15}),
    ],
)
def test_more_bytes_than_allowed_are_not_read(server: Web, answer: Answer) -> None:
    server.answers["/a.jpg"] = answer

    error = failed(at(server), bytes_max=4)

    assert error.failure.code == "image_too_large"
    assert "VEDETTE_IMAGE_BYTES_MAX" in str(error)


def test_an_endless_answer_ends_at_the_limit(server: Web) -> None:
    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 65536

    server.answers["/a.jpg"] = Answer(raw=endless)

    assert failed(at(server), bytes_max=2**20).failure.code == "image_too_large"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "image_missing"),
        (410, "image_missing"),
        (401, "image_forbidden"),
        (403, "image_forbidden"),
        (500, "unreachable"),
        (503, "unreachable"),
        (429, "unreachable"),
        (204, "image_unreadable"),
        (206, "image_unreadable"),
        (304, "image_unreadable"),
        (418, "image_unreadable"),
    ],
)
def test_what_the_server_says_is_told(server: Web, status: int, code: str) -> None:
    server.answers["/a.jpg"] = Answer(status=status)

    error = failed(at(server, "/a.jpg?signature=secret") if status == 404 else at(server))

    assert error.failure.code == code
    assert f"HTTP {status}" in str(error)
    assert "secret" not in str(error)


def test_an_empty_body(server: Web) -> None:
    server.answers["/a.jpg"] = Answer(b"")

    assert failed(at(server)).failure.code == "image_empty"


def test_a_redirect_to_nowhere(server: Web) -> None:
    server.answers["/a.jpg"] = Answer(status=302)

    assert failed(at(server)).failure.code == "image_unreadable"


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nim"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"f" * 70_000],
        [b"HTTP/1.1 200 OK\r\nX: ", b"f" * 70_000],
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [],
    ],
)
def test_an_answer_that_breaks_off_or_is_none_may_be_whole_later(server: Web, pieces: list[bytes]) -> None:
    server.answers["/a.jpg"] = Answer(raw=lambda: pieces)

    assert failed(at(server)).failure.code == "unreachable"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_cut_off_when_its_time_is_over(server: Web, head: bytes) -> None:
    # Given one that is never silent for long enough to be called silent
    def dripping() -> Iterator[bytes]:
        yield head
        for _ in range(200):
            yield b"H"
            time.sleep(0.05)

    server.answers["/a.jpg"] = Answer(raw=dripping)
    began_s = time.monotonic()

    error = failed(at(server), bytes_max=2**20, total_s=0.6)

    assert (error.failure.code, "not there after 0.6 s" in str(error)) == ("unreachable", True)
    assert time.monotonic() - began_s < 5


def test_the_time_is_that_of_all_redirects_together(server: Web) -> None:
    def slow() -> Iterator[bytes]:
        time.sleep(0.3)
        yield b"HTTP/1.1 302 Found\r\nLocation: /a.jpg\r\nContent-Length: 0\r\n\r\n"

    server.answers["/a.jpg"] = Answer(raw=slow)

    assert "not there after 0.8 s" in str(failed(at(server), total_s=0.8))


def test_a_server_that_is_silent(server: Web) -> None:
    def silent() -> Iterator[bytes]:
        time.sleep(1)
        yield b""

    server.answers["/a.jpg"] = Answer(raw=silent)

    error = failed(at(server), read_timeout_s=0.2)

    assert (error.failure.code, "silent for 0.2 s" in str(error)) == ("unreachable", True)


def test_nobody_there() -> None:
    error = failed(f"http://127.0.0.1:{free_port()}/a.jpg")

    assert (error.failure.code, "refuses connections" in str(error)) == ("unreachable", True)


@pytest.mark.parametrize("answer", [socket.gaierror(-2, "Name or service not known"), []])
def test_a_name_that_is_not_known(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    assert failed("http://nowhere.test/a.jpg").failure.code == "unreachable"


def test_the_next_address_is_tried_when_the_first_takes_no_connection(server: Web, monkeypatch: Any) -> None:
    server.answers["/a.jpg"] = Answer(b"image")
    addresses = [remote.parse_address("127.0.0.3"), remote.parse_address("127.0.0.1")]
    monkeypatch.setattr(remote, "resolve", lambda _: addresses)

    assert get(f"http://two.test:{server.port}/a.jpg") == b"image"


def test_an_address_of_ipv6() -> None:
    try:
        with web({"/a.jpg": Answer(b"image")}, "::1") as served:
            url = f"http://[::1]:{served.port}/a.jpg"
            assert get(url) == b"image"
            assert served.requests[0][1]["Host"] == f"[::1]:{served.port}"
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")


def test_neither_proxies_nor_passwords_nor_cookies_of_the_environment(
    server: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    server.answers |= {"/a.jpg": to("/b.jpg"), "/b.jpg": Answer(b"image")}
    server.answers["/a.jpg"].headers["Set-Cookie"] = "session=1"

    assert get(at(server)) == b"image"

    for _, headers in server.requests:
        assert sorted(headers) == ["Accept", "Accept-Encoding", "Connection", "Host", "User-Agent"]


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of images.test, by itself."""
    directory = tmp_path_factory.mktemp("tls")
    files = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=images.test", "-addext", "subjectAltName=DNS:images.test"]
    try:
        subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    return files


@pytest.fixture
def loopback_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "resolve", lambda _: [remote.parse_address("127.0.0.1")])


@pytest.mark.usefixtures("loopback_names")
def test_over_tls_the_name_is_what_the_certificate_must_be_of(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with web({"/a.jpg": Answer(b"image")}, certificate=certificate) as served:
        assert get(f"https://images.test:{served.port}/a.jpg") == b"image"
        assert served.requests[0][1]["Host"] == f"images.test:{served.port}"

        error = failed(f"https://other.test:{served.port}/a.jpg")

    assert (error.failure.code, "no trusted TLS connection" in str(error)) == ("unreachable", True)
    assert len(served.requests) == 1


@pytest.mark.usefixtures("loopback_names")
def test_over_tls_an_unknown_authority_is_not_trusted(certificate: tuple[Path, Path]) -> None:
    with web({"/a.jpg": Answer(b"image")}, certificate=certificate) as served:
        error = failed(f"https://images.test:{served.port}/a.jpg")

    assert "REQUESTS_CA_BUNDLE" in str(error)
    assert served.requests == []


@pytest.mark.usefixtures("loopback_names")
def test_over_tls_a_handshake_without_an_end_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began_s = time.monotonic()
        error = failed(f"https://images.test:{mute.getsockname()[1]}/a.jpg", total_s=0.5)

    assert error.failure.code == "unreachable"
    assert time.monotonic() - began_s < 5
