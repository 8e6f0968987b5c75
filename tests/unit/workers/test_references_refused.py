"""What no reference gets a worker to read, and that what is allowed is read: by real servers, files and links.

The worker here may read one directory, and fetch from hosts below `.open.test` at the port of a server on 127.0.0.1,
which is the one address inside that it may connect to. A second server on 127.0.0.2, at the same port, stands for all
that is private: it must never be asked. Names are answered by a resolver of the test's, for they are in nobody's DNS.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.settings import Settings, load_settings
from tests.support.web import Answer, Web, to, web
from workers.images.errors import ImageError
from workers.images.fetch import read_image

INSIDE = {
    "localhost.open.test": "127.0.0.2",
    "private.open.test": "10.1.2.3",
    "lan.open.test": "192.168.1.1",
    "metadata.open.test": "169.254.169.254",
    "metadata6.open.test": "fd00:ec2::254",
    "azure.open.test": "168.63.129.16",
    "alibaba.open.test": "100.100.100.200",
    "zero.open.test": "0.0.0.0",
    "six.open.test": "::1",
    "mapped.open.test": "::ffff:127.0.0.2",
    "mapped-metadata.open.test": "::ffff:169.254.169.254",
    "compatible.open.test": "::127.0.0.2",
    "nat64.open.test": "64:ff9b::a9fe:a9fe",
    "nat64-local.open.test": "64:ff9b:1::7f00:2",
    "6to4.open.test": "2002:7f00:2::1",
    "teredo.open.test": "2001:0:7f00:2::80ff:fffd",
    "link.open.test": "fe80::1",
    "site.open.test": "fec0::1",
    "unique.open.test": "fc00::1",
    "multicast.open.test": "224.0.0.1",
    "multicast6.open.test": "ff02::1",
    "broadcast.open.test": "255.255.255.255",
    "benchmark.open.test": "198.18.0.1",
}

#: Listed as hosts, so that what is refused is the address.
LISTED_ADDRESSES = ("127.0.0.2", "0.0.0.0", "169.254.169.254", "[::]", "[::1]", "[::ffff:127.0.0.2]")


@dataclass
class World:
    settings: Settings
    root: Path
    open: Web
    inside: Web
    #: Addresses of each name; of several lists, each answer is the next.
    names: dict[str, list[list[str]]]
    asked: list[str]

    def read(self, uri: str) -> bytes:
        settings = self.settings
        return read_image(uri, settings.image_roots, settings.image_bytes_max, settings.image_policy)

    def url(self, path: str = "/a.jpg", host: str = "www.open.test") -> str:
        return f"http://{host}:{self.open.port}{path}"

    def filled(self, uri: str) -> str:
        return uri.replace("ROOT", str(self.root)).replace("PORT", str(self.open.port))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    root = tmp_path / "in"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "in-secret").mkdir()
    for place, content in (("in/a.jpg", b"image"), ("secret.jpg", b"secret"), ("in-secret/a.jpg", b"secret")):
        (tmp_path / place).write_bytes(content)
    (root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "up").symlink_to(tmp_path)
    (root / "proc").symlink_to("/proc/self")
    names = {name: [[address]] for name, address in INSIDE.items()}
    names |= {"www.open.test": [["127.0.0.1"]], "both.open.test": [["127.0.0.1", "127.0.0.2"]]}
    names |= {"evil.test": [["127.0.0.1"]]}
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **how: Any) -> Any:
        if host not in names:
            assert host in ("127.0.0.1", "127.0.0.2"), f"somebody looked up {host}"
            return real(host, port, *args, **how)
        asked.append(host)
        found = names[host].pop(0) if len(names[host]) > 1 else names[host][0]
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in found
        ]

    with ExitStack() as stack:
        open_web = stack.enter_context(web({"/a.jpg": Answer(b"image")}))
        inside = stack.enter_context(web({"/a.jpg": Answer(b"secret")}, "127.0.0.2", open_web.port))
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        settings = load_settings(
            image_roots=(root,),
            # What names a port opens no other; the second is for those that the table spells without one.
            image_hosts=",".join(
                [f"{host}:{open_web.port}" for host in ("*.open.test", "127.0.0.1", *LISTED_ADDRESSES)]
                + ["*.open.test", *LISTED_ADDRESSES]
            ),
            image_buckets="plates/2026",
            image_private="127.0.0.1/32",
        )
        yield World(settings, root, open_web, inside, names, asked)
        # Nothing of what is refused was asked for, whatever the answer would have been.
        assert inside.requests == []


#: (what the text of the refusal names, reference). ROOT is the directory that may be read, PORT that of both servers.
REFUSED = [
    # Paths
    ("outside", "/etc/passwd"),
    ("outside", "ROOT/../secret.jpg"),
    ("outside", "ROOT/folder/../../secret.jpg"),
    ("outside", "ROOT-secret/a.jpg"),
    ("outside", "ROOT/link.jpg"),
    ("outside", "ROOT/up/secret.jpg"),
    ("outside", "ROOT/proc/environ"),
    ("outside", "//etc/passwd"),
    ("spelling", "a.jpg"),
    ("spelling", "../secret.jpg"),
    ("spelling", "~/secret.jpg"),
    # file://
    ("outside", "file:///etc/passwd"),
    ("outside", "FILE:///etc/passwd"),
    ("outside", "file://localhost/etc/passwd"),
    ("outside", "file://ROOT/../secret.jpg"),
    ("outside", "file://ROOT/%2e%2e/secret.jpg"),
    ("outside", "file://ROOT/%2E%2e%2Fsecret.jpg"),
    ("outside", "file://ROOT/link.jpg"),
    ("outside", "file://ROOT/up%2Fsecret.jpg"),
    ("spelling", "file://evil.test/ROOT/a.jpg"),
    ("spelling", "file:/etc/passwd"),
    ("spelling", "file:ROOT/a.jpg"),
    ("spelling", "file://ROOT/..\\secret.jpg"),
    ("spelling", "file://ROOT/a.jpg?x"),
    # Schemes
    ("scheme", "gopher://www.open.test:PORT/_GET%20/a.jpg"),
    ("scheme", "ftp://www.open.test/a.jpg"),
    ("scheme", "data:image/png;base64,iVBORw0KGgo="),
    ("scheme", "javascript:alert(1)"),
    ("scheme", "dict://127.0.0.1:6379/INFO"),
    ("scheme", "jar:http://www.open.test!/a.jpg"),
    ("scheme", "local:///etc/passwd"),
    ("scheme", "simplecache::file:///etc/passwd"),
    ("scheme", "unix:///run/docker.sock"),
    # Hosts that are not listed, however they are dressed up
    ("host", "http://evil.test:PORT/a.jpg"),
    ("host", "http://open.test:PORT/a.jpg"),
    ("host", "http://www.open.test.evil.test:PORT/a.jpg"),
    ("host", "http://wwwopen.test:PORT/a.jpg"),
    ("host", "http://evil.test:PORT/www.open.test/a.jpg"),
    ("host", "http://evil.test:PORT?www.open.test"),
    ("host", "http://evil.test:PORT#@www.open.test/"),
    ("userinfo", "http://www.open.test@evil.test:PORT/a.jpg"),
    ("userinfo", "http://www.open.test:PORT@evil.test/a.jpg"),
    ("userinfo", "http://user:secret@www.open.test:PORT/a.jpg"),
    ("userinfo", "http://@www.open.test:PORT/a.jpg"),
    ("spelling", "http://www.open.test\\@evil.test:PORT/a.jpg"),
    ("spelling", "http:\\\\evil.test:PORT/a.jpg"),
    ("spelling", "http:///evil.test:PORT/a.jpg"),
    ("spelling", "http:www.open.test:PORT/a.jpg"),
    ("spelling", "http://www.open.test%2eevil.test:PORT/a.jpg"),
    ("spelling", "http://evil。test:PORT/a.jpg"),
    ("spelling", "http://ⓔvil.test:PORT/a.jpg"),
    ("spelling", "http://www..open.test:PORT/a.jpg"),
    ("spelling", "http://www.open.test:PORT/a.jpg\r\nHost: evil.test"),
    ("spelling", "http://www.open.test:PORT/a b.jpg"),
    ("spelling", " http://www.open.test:PORT/a.jpg"),
    ("spelling", "http://www.open.test:PORT/\x00.jpg"),
    ("length", "http://www.open.test:PORT/" + "a" * 9000),
    # Ports
    ("port", "http://www.open.test:6379/a.jpg"),
    ("port", "http://www.open.test:22/a.jpg"),
    ("port", "http://www.open.test:0/a.jpg"),
    ("port", "http://www.open.test:99999/a.jpg"),
    ("spelling", "http://www.open.test:PORT:80/a.jpg"),
    ("spelling", "http://www.open.test:+80/a.jpg"),
    # Addresses inside, of every spelling
    ("address", "http://127.0.0.2:PORT/a.jpg"),
    ("address", "http://2130706434:PORT/a.jpg"),
    ("address", "http://0x7f000002:PORT/a.jpg"),
    ("address", "http://0x7f.0.0.2:PORT/a.jpg"),
    ("address", "http://0177.0.0.2:PORT/a.jpg"),
    ("address", "http://017700000002:PORT/a.jpg"),
    ("address", "http://127.2:PORT/a.jpg"),
    ("address", "http://127.0.2:PORT/a.jpg"),
    ("address", "http://127.0.0.2.:PORT/a.jpg"),
    ("address", "http://127.0.0.02:PORT/a.jpg"),
    ("address", "http://0.0.0.0:PORT/a.jpg"),
    ("address", "http://0:PORT/a.jpg"),
    ("address", "http://[::]:PORT/a.jpg"),
    ("address", "http://[::1]:PORT/a.jpg"),
    ("address", "http://[::ffff:127.0.0.2]:PORT/a.jpg"),
    ("address", "http://[::ffff:7f00:2]:PORT/a.jpg"),
    ("address", "http://[fe80::1%25lo]:PORT/a.jpg"),
    ("address", "http://[::1.2]:PORT/a.jpg"),
    ("address", "http://169.254.169.254/latest/meta-data/"),
    ("host", "http://metadata.google.internal/computeMetadata/v1/"),
    ("host", "http://localhost:PORT/a.jpg"),
    # Names that are listed, and lead inside
    *[("address", f"http://{name}:PORT/a.jpg") for name in INSIDE],
    ("address", "http://both.open.test:PORT/a.jpg"),
    ("address", "https://metadata.open.test/latest/meta-data/"),
    # Buckets
    ("bucket", "s3://others/2026/a.jpg"),
    ("bucket", "s3://plates/a.jpg"),
    ("bucket", "s3://plates/2026-secret/a.jpg"),
    ("bucket", "gs://plates-secret/2026/a.jpg"),
    ("spelling", "s3://plates/2026/../secret.jpg"),
    ("spelling", "s3://plates/2026//a.jpg"),
    ("spelling", "s3://plates/2026/a.jpg::file:///etc/passwd"),
    ("spelling", "s3://plates/2026/a.jpg?versionId=1"),
    ("userinfo", "s3://key:secret@plates/2026/a.jpg"),
]


@pytest.mark.parametrize(("reason", "uri"), REFUSED)
def test_refused(world: World, reason: str, uri: str) -> None:
    with pytest.raises(ImageError) as refused:
        world.read(world.filled(uri))

    assert refused.value.failure.code == "image_forbidden"
    assert f"({reason})" in str(refused.value) or f" {reason} the directories" in str(refused.value)
    assert "user:secret" not in str(refused.value)
    assert world.open.requests == []


#: References that are what they say and lead nowhere: not read, and no refusal is needed.
@pytest.mark.parametrize("uri", ["file://ROOT/%252e%252e/secret.jpg", "ROOT/%2e%2e/secret.jpg", "ROOT/..%2fsecret.jpg"])
def test_what_is_encoded_twice_or_in_a_path_is_the_name_of_a_file(world: World, uri: str) -> None:
    with pytest.raises(ImageError) as refused:
        world.read(world.filled(uri))

    assert refused.value.failure.code == "image_missing"


@pytest.mark.parametrize(
    ("reason", "location"),
    [
        ("address", "http://127.0.0.2:PORT/a.jpg"),
        ("address", "//127.0.0.2:PORT/a.jpg"),
        ("address", "http://localhost.open.test:PORT/a.jpg"),
        ("address", "http://metadata.open.test/latest/meta-data/"),
        ("address", "http://2130706434:PORT/a.jpg"),
        ("address", "http://127.2:PORT/a.jpg"),
        ("address", "http://mapped.open.test:PORT/a.jpg"),
        ("address", "http://[::ffff:127.0.0.2]:PORT/a.jpg"),
        ("address", "http://169.254.169.254/latest/meta-data/"),
        ("host", "http://evil.test:PORT/a.jpg"),
        ("host", "//evil.test:PORT/a.jpg"),
        ("port", "http://www.open.test:6379/a.jpg"),
        ("userinfo", "http://www.open.test@evil.test:PORT/a.jpg"),
        ("scheme", "file:///etc/passwd"),
        ("scheme", "file://ROOT/a.jpg"),
        ("scheme", "s3://plates/2026/a.jpg"),
        ("scheme", "gopher://www.open.test:PORT/_"),
        ("scheme", "data:image/png;base64,iVBORw0KGgo="),
        ("spelling", "http:\\\\evil.test/"),
        ("spelling", "/a b.jpg"),
        ("redirects", "/hop"),
    ],
)
@pytest.mark.parametrize("hops", [1, 3])
def test_redirects_are_judged_like_the_first_address(world: World, reason: str, location: str, hops: int) -> None:
    # Given a host that is allowed and really answers, with a redirect, in the end, to what is not
    world.open.answers |= {f"/{hop}": to(f"/{hop + 1}", 307) for hop in range(1, hops)}
    world.open.answers |= {f"/{hops}": to(world.filled(location)), "/hop": to(world.url("/hop"), 301)}

    with pytest.raises(ImageError) as refused:
        world.read(world.url("/1"))

    assert refused.value.failure.code == "image_forbidden"
    assert f"({reason})" in str(refused.value)
    # Then the hops that are allowed were asked, and nothing else
    assert world.open.paths[:hops] == [f"/{hop}" for hop in range(1, hops + 1)]
    assert len(world.open.paths) == (6 if reason == "redirects" else hops)


def test_a_resolver_that_changes_its_mind_is_asked_once(world: World) -> None:
    # Given a name that is harmless when it is judged, and leads inside when it is asked for again
    world.names["rebind.open.test"] = [["127.0.0.1"], ["127.0.0.2"]]

    assert world.read(world.url(host="rebind.open.test")) == b"image"
    assert world.asked == ["rebind.open.test"]
    assert world.open.requests[0][1]["Host"] == f"rebind.open.test:{world.open.port}"

    # And judged anew the next time, also in a redirect
    with pytest.raises(ImageError, match=r"\(address\)"):
        world.read(world.url(host="rebind.open.test"))


def test_one_address_inside_among_several_is_enough_to_refuse(world: World) -> None:
    world.names["mixed.open.test"] = [["127.0.0.1", "10.1.2.3"]]

    with pytest.raises(ImageError, match=r"\(address\)"):
        world.read(world.url(host="mixed.open.test"))
    assert world.open.requests == []


@pytest.mark.parametrize(
    "uri",
    [
        "ROOT/a.jpg",
        "ROOT/folder/../a.jpg",
        "ROOT/up/in/a.jpg",
        "file://ROOT/a.jpg",
        "file://localhost/ROOT/%61.jpg",
        "http://www.open.test:PORT/a.jpg",
        "HTTP://WWW.Open.Test.:PORT/a.jpg#top",
        "http://127.0.0.1:PORT/a.jpg",
        "http://www.open.test:PORT/moved",
        "http://www.open.test:PORT/away",
    ],
)
def test_allowed(world: World, uri: str) -> None:
    world.open.answers |= {"/moved": to("a.jpg"), "/away": to(world.url(host="127.0.0.1"))}

    assert world.read(world.filled(uri)) == b"image"


def test_nothing_is_open_unless_listed(world: World) -> None:
    closed = load_settings()
    here, nowhere = world.root / "a.jpg", world.root / "nowhere.jpg"
    assert here.exists()

    for uri in (str(here), str(nowhere), world.url(), world.url(host="127.0.0.1"), "s3://plates/2026/a.jpg"):
        with pytest.raises(ImageError) as refused:
            read_image(uri, closed.image_roots, closed.image_bytes_max, closed.image_policy)
        assert refused.value.failure.code == "image_forbidden"
        assert "VEDETTE_IMAGE_" in refused.value.failure.message


def test_the_table_is_as_long_as_was_promised() -> None:
    assert len(REFUSED) >= 40
    assert len(set(REFUSED)) == len(REFUSED)
