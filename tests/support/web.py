"""A real HTTP server that says what a test wants it to, on whichever address of this machine."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Whether the length is said beforehand.
    length: bool = True
    #: Instead of all that: what is written as it stands, piece by piece.
    raw: Callable[[], Iterable[bytes]] | None = None


def to(location: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": location})


@dataclass
class Web:
    address: str
    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    #: Each of the next requests is answered so instead, whatever its path.
    first: list[Answer] = field(default_factory=list)
    #: Path and headers of each request.
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    #: What was posted, of the requests that did.
    bodies: list[bytes] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextmanager
def web(
    answers: dict[str, Answer] | None = None,
    address: str = "127.0.0.1",
    port: int = 0,
    certificate: tuple[Path, Path] | None = None,
    first: Iterable[Answer] = (),
) -> Iterator[Web]:
    """Serves `first` to the first requests, then `answers` by path, 404 otherwise.

    Over TLS with the files of a certificate and its key.
    """
    served = Web(address, answers=answers or {}, first=[*first])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            served.requests.append((self.path, dict(self.headers)))
            answer = served.first.pop(0) if served.first else served.answers.get(self.path, Answer(status=404))
            if answer.raw is not None:
                for piece in answer.raw():
                    self.wfile.write(piece)
                    self.wfile.flush()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.length and "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def do_POST(self) -> None:
            served.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the client went away
                super().handle()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def handle_error(self, *_: Any) -> None:
            pass  # a client that breaks a TLS handshake off

    server = Server((address, port), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    served.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
