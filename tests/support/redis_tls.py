"""A redis-server that speaks TLS, with a certificate authority of its own, made by openssl."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.redis_server import free_port, redis_executable, redis_server


@dataclass(frozen=True)
class TlsRedis:
    """Its certificate is good for 127.0.0.1 only."""

    port: int
    directory: Path

    def url(self, host: str = "127.0.0.1", **options: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"rediss://{host}:{self.port}/0" + (f"?{query}" if query else "")

    @property
    def authority(self) -> str:
        return str(self.directory / "ca.crt")

    @property
    def client_files(self) -> dict[str, str]:
        """What a client shows that is asked who it is."""
        return {"ssl_certfile": str(self.directory / "client.crt"), "ssl_keyfile": str(self.directory / "client.key")}


@contextmanager
def tls_redis(directory: Path, *, asks_clients: bool = False) -> Iterator[TlsRedis]:
    """Skips where openssl, or a redis-server with TLS in it, is missing."""
    executable = redis_executable()
    if executable is None or not _speaks_tls(executable):
        pytest.skip("redis-server is missing, or was built without TLS")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on PATH")
    _make_authority(directory)
    _make_certificate(directory, "server", "subjectAltName=IP:127.0.0.1")
    _make_certificate(directory, "client", "extendedKeyUsage=clientAuth")
    port = free_port()
    options = [
        *("--tls-port", str(port), "--tls-ca-cert-file", str(directory / "ca.crt")),
        *("--tls-cert-file", str(directory / "server.crt"), "--tls-key-file", str(directory / "server.key")),
        *("--tls-auth-clients", "yes" if asks_clients else "no"),
    ]
    with redis_server(directory, executable, more=options):
        yield TlsRedis(port, directory)


def _speaks_tls(executable: str) -> bool:
    # It names the first line that it doesn't know, and ends.
    asked = subprocess.run(
        [executable, "-"], input="tls-port 0\nno-such-directive\n", capture_output=True, text=True, check=False
    )
    return "tls-port" not in asked.stdout + asked.stderr


def _make_authority(directory: Path) -> None:
    _openssl(directory, "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=yard")


def _make_certificate(directory: Path, name: str, extension: str) -> None:
    (directory / f"{name}.ext").write_text(f"{extension}\nauthorityKeyIdentifier=keyid\n", encoding="utf-8")
    _openssl(directory, "req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    signed_by = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
    _openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed_by)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, check=True)
