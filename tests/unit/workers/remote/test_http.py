"""Downloads from a real server that breaks, changes and refuses."""

import random
import socket

import pytest

from contract.errors import ModelSourceError
from tests.support.file_server import file_server
from workers.remote import disk
from workers.remote.http import DownloadLimits, NotThere, download

CONTENT = random.Random(1).randbytes(700_000)
HASTY = DownloadLimits(tries=3, backoff_s=0, read_timeout_s=5, connect_timeout_s=5)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "model.tar.gz").write_bytes(CONTENT)
    with file_server(tmp_path / "served") as server:
        yield server


@pytest.fixture
def target(tmp_path):
    (tmp_path / "here").mkdir()
    return tmp_path / "here" / "model.tar.gz"


def left(target):
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_is_fetched_with_its_progress(server, target):
    seen = []

    download(server.url("model.tar.gz"), target, lambda done, total: seen.append((done, total)), HASTY)

    assert target.read_bytes() == CONTENT
    assert left(target) == ["model.tar.gz"]
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(
    "version", [{"etag": '"v1"'}, {"etag": None, "last_modified": "Sat, 11 Jul 2020 10:00:00 GMT"}]
)
def test_a_broken_connection_goes_on_where_it_broke(server, target, version):
    for name, value in version.items():
        setattr(server, name, value)
    server.break_after = [300_000, 100_000]

    download(server.url("model.tar.gz"), target, limits=HASTY)

    assert target.read_bytes() == CONTENT
    assert server.asked_for("gz") == ["", "bytes=300000-", "bytes=400000-"]


def test_a_later_call_goes_on_too(server, target):
    server.break_after = [300_000]
    with pytest.raises(ModelSourceError, match="the connection broke"):
        download(server.url("model.tar.gz"), target, limits=DownloadLimits(tries=1))
    assert left(target) == ["model.tar.gz.part", "model.tar.gz.part.version"]

    download(server.url("model.tar.gz"), target, limits=HASTY)

    assert target.read_bytes() == CONTENT
    assert server.asked_for("gz") == ["", "bytes=300000-"]
    assert left(target) == ["model.tar.gz"]


def test_a_server_without_ranges_starts_anew(server, target):
    server.ranges, server.break_after = False, [300_000]

    download(server.url("model.tar.gz"), target, limits=HASTY)

    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_without_a_version_to_tell_them_apart_parts_are_not_joined(server, target, etag):
    server.etag, server.break_after = etag, [300_000]

    download(server.url("model.tar.gz"), target, limits=HASTY)

    assert target.read_bytes() == CONTENT
    assert server.asked_for("gz") == ["", ""]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, target):
    server.break_after = [300_000]
    with pytest.raises(ModelSourceError):
        download(server.url("model.tar.gz"), target, limits=DownloadLimits(tries=1))
    changed = bytes(reversed(CONTENT))
    (server.root / "model.tar.gz").write_bytes(changed)
    server.etag = '"v2"'

    download(server.url("model.tar.gz"), target, limits=HASTY)

    assert target.read_bytes() == changed


def test_a_part_that_is_whole_already_is_fetched_anew(server, target):
    target.with_name("model.tar.gz.part").write_bytes(CONTENT)
    target.with_name("model.tar.gz.part.version").write_text('"v1"')

    download(server.url("model.tar.gz"), target, limits=HASTY)

    assert target.read_bytes() == CONTENT


def test_trouble_of_the_server_passes(server, target):
    server.statuses = [503, 429]

    download(server.url("model.tar.gz"), target, limits=HASTY)

    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "tries", "says"),
    [
        (404, 1, "not there (HTTP 404)"),
        (403, 1, "the server refuses it (HTTP 403): credentials are missing or wrong"),
        (400, 1, "the server answers with HTTP 400"),
        (500, 3, "the server answers with HTTP 500 Internal Server Error (tried 3 times)"),
    ],
)
def test_a_refusal_is_told_with_the_status(server, target, status, tries, says):
    server.statuses = [status] * 5

    with pytest.raises(ModelSourceError) as refused:
        download(server.url("model.tar.gz?token=secret"), target, limits=HASTY)

    assert says in str(refused.value)
    assert "secret" not in str(refused.value)
    assert isinstance(refused.value, NotThere) == (status == 404)
    assert len(server.requests) == tries
    assert left(target) == []


def test_a_connection_that_breaks_without_gain_is_given_up(server, target):
    server.break_after = [1000] * 10

    with pytest.raises(ModelSourceError, match=r"the connection broke .*tried 3 times"):
        download(server.url("model.tar.gz"), target, limits=HASTY)


@pytest.mark.parametrize(
    ("announced", "says"), [(True, "has 700000 bytes, more than"), (False, "has more than 699999")]
)
def test_a_file_above_the_limit_is_not_kept(server, target, announced, says):
    server.length = announced

    with pytest.raises(ModelSourceError, match=says):
        download(server.url("model.tar.gz"), target, limits=DownloadLimits(bytes_max=699_999))

    assert left(target) == []


def test_a_full_disk_is_told_before_the_download(server, target, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: _Usage(1000))

    with pytest.raises(ModelSourceError) as refused:
        download(server.url("model.tar.gz"), target, limits=HASTY)

    assert f"needs 700000 bytes in {target.parent}, where 1000 are free" in str(refused.value)
    assert left(target) == []


class _Usage:
    def __init__(self, free):
        self.free = free


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://no-such-host.invalid/model.tar.gz", "the name of the server is not known (DNS)"),
        (f"http://127.0.0.1:{closed_port()}/x", "the server refuses connections"),
        ("http://user:secret@127.0.0.1:bad/x", "no address that can be asked for"),
        ("http://", "no address that can be asked for"),
    ],
    ids=["no-host", "closed-port", "bad-port", "nothing"],  # the port is another one each time
)
def test_a_server_that_is_not_there(target, url, says, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ModelSourceError) as refused:
        download(url, target, limits=HASTY)

    assert says in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_server_without_tls_is_told_as_such(server, target):
    with pytest.raises(ModelSourceError, match=r"no trusted TLS connection: .*REQUESTS_CA_BUNDLE"):
        download(server.url("model.tar.gz").replace("http:", "https:"), target, limits=HASTY)


def test_a_server_that_falls_silent_is_not_waited_for_for_ever(server, target):
    import threading

    server.gate = threading.Event()
    with pytest.raises(ModelSourceError, match="the server fell silent"):
        download(server.url("model.tar.gz"), target, limits=DownloadLimits(tries=1, read_timeout_s=0.2))
    server.gate.set()
