"""One POST, to real servers on this machine: what is sent, what comes back, and where nothing is sent at all."""

import asyncio
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from contract.addresses import parse_network
from contract.reference_policy import Policy, parse_host_rule
from contract.references import parse_reference
from producer.webhooks.post import post
from producer.webhooks.step import Answered, Unanswered
from tests.support.web import Answer, to, web


def send(url, *, hosts=("hooks.test", "127.0.0.1", "127.0.0.2"), private=("127.0.0.1/32",), within_s=5.0):
    reference = parse_reference(url)
    rules = tuple(parse_host_rule(f"{host}:{reference.port}") for host in hosts)
    policy = Policy(hosts=rules, private=tuple(map(parse_network, private)))
    return asyncio.run(post(reference, policy, {"webhook-id": "m1"}, b'{"a":1}', within_s))


@pytest.fixture
def names(monkeypatch):
    """Name → addresses, instead of a resolver; and how often it was asked."""
    known = {"hooks.test": ["127.0.0.1"]}
    asked = []

    def resolved(host, port, *_args, **_options):
        asked.append(host)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        kinds = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(kinds[":" in address], socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return known, asked


@contextmanager
def raw(answer: bytes, hold_s: float = 0) -> Iterator[int]:
    """A server that reads what comes and answers with these bytes, however wrong they are."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                try:
                    for start in range(0, len(answer), 4096):
                        connection.sendall(answer[start : start + 4096])
                    time.sleep(hold_s)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@pytest.mark.usefixtures("names")
def test_what_is_sent():
    with web({"/in?token=x": Answer(b"fine", 202)}) as served:
        outcome = send(f"http://hooks.test:{served.port}/in?token=x")

    assert outcome == Answered(202)
    ((path, headers),) = served.requests
    assert path == "/in?token=x"
    assert headers == {
        "Host": f"hooks.test:{served.port}",
        "Content-Length": "7",
        "Connection": "close",
        "webhook-id": "m1",
    }
    assert served.bodies == [b'{"a":1}']


def test_the_status_and_when_to_come_again():
    with web({"/": Answer(b"busy", 503, {"Retry-After": "7"})}) as served:
        assert send(f"http://127.0.0.1:{served.port}/") == Answered(503, "7")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status):
    with web() as inside, web({"/": to(f"http://127.0.0.1:{inside.port}/", status)}) as served:
        assert send(f"http://127.0.0.1:{served.port}/") == Answered(status)
        assert inside.requests == []


# Where nothing is sent


def test_a_host_that_is_listed_no_more():
    with web() as served:
        outcome = send(f"http://127.0.0.1:{served.port}/", hosts=("hooks.test",))

    assert isinstance(outcome, Unanswered)
    assert "is refused (host)" in outcome.why
    assert served.requests == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["8.8.8.8", "169.254.169.254"], ["::1"], ["::ffff:127.0.0.2"]],
)
def test_a_name_that_leads_inside_with_any_of_its_addresses(names, addresses):
    known, _ = names
    known["hooks.test"] = addresses
    with web({"/": Answer()}, "127.0.0.2") as served:
        outcome = send(f"http://hooks.test:{served.port}/")

    assert isinstance(outcome, Unanswered)
    assert "is refused (address)" in outcome.why
    assert served.requests == []


def test_a_name_is_resolved_once_so_that_it_cannot_change_in_between(names):
    _, asked = names
    with web({"/": Answer()}) as served:
        send(f"http://hooks.test:{served.port}/")

    assert asked == ["hooks.test"]


def test_what_the_environment_says_of_proxies_does_not_count(monkeypatch):
    with web({"/": Answer()}) as served, web() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert send(f"http://127.0.0.1:{served.port}/") == Answered(200)
        assert proxy.requests == []


# Receivers that are no good


@pytest.mark.usefixtures("names")
def test_a_name_that_nobody_knows():
    assert send("http://nobody.test:80/", hosts=("nobody.test",)) == Unanswered(
        "the name of its host is not known (DNS)"
    )


def test_a_host_that_refuses():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert send(f"http://127.0.0.1:{port}/") == Unanswered("its host refuses connections")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "the connection was closed without an answer"),
        (b"HTTP/1.1 200", "the connection was closed without an answer"),
        (b"220 smtp.example.org ESMTP\r\n\r\n", "its answer is no HTTP"),
        (b"-ERR unknown command\r\n\r\n", "its answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "its answer is no HTTP"),
    ],
    ids=["nothing", "half", "smtp", "redis", "endless header"],
)
def test_an_answer_that_is_none(answer, why):
    with raw(answer) as port:
        outcome = send(f"http://127.0.0.1:{port}/")

    assert outcome in (Unanswered(why), Unanswered("the connection broke (ConnectionResetError)"))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_receiver_that_is_silent_is_given_so_much_time(answer):
    with raw(answer, hold_s=1) as port:
        assert send(f"http://127.0.0.1:{port}/", within_s=0.3) == Unanswered("no answer in 0.3 s")


def test_an_answer_counts_before_its_body_has_come():
    with raw(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", hold_s=0.5) as port:
        assert send(f"http://127.0.0.1:{port}/", within_s=0.4) == Answered(200)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Of hooks.test, by itself."""
    directory = tmp_path_factory.mktemp("tls")
    files = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=hooks.test", "-addext", "subjectAltName=DNS:hooks.test"]
    try:
        subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    return files


def test_over_tls_the_name_is_what_the_certificate_must_be_of(certificate, names, monkeypatch):
    known, _ = names
    known["other.test"] = ["127.0.0.1"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with web({"/": Answer()}, certificate=certificate) as served:
        assert send(f"https://hooks.test:{served.port}/") == Answered(200)
        refused = send(f"https://other.test:{served.port}/", hosts=("other.test",))

    assert isinstance(refused, Unanswered)
    assert refused.why.startswith("no trusted TLS connection: Hostname mismatch")
    assert len(served.requests) == 1


@pytest.mark.usefixtures("names")
def test_over_tls_an_unknown_authority_is_not_trusted(certificate):
    with web({"/": Answer()}, certificate=certificate) as served:
        outcome = send(f"https://hooks.test:{served.port}/")

    assert isinstance(outcome, Unanswered)
    assert outcome.why.startswith("no trusted TLS connection: self")
    assert served.bodies == []
