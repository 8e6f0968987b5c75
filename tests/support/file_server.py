"""A real HTTP server on a directory, with the faults that downloads meet."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class FileServer:
    root: Path
    port: int = 0
    #: Whether Range requests are honoured, and what says which version of a file this is.
    ranges: bool = True
    etag: str | None = '"v1"'
    last_modified: str | None = None
    #: Whether the length of a file is said beforehand.
    length: bool = True
    #: Each of the next answers breaks off after so many bytes.
    break_after: list[int] = field(default_factory=list)
    #: Each of the next answers is this status instead.
    statuses: list[int] = field(default_factory=list)
    #: Path and Range header (or "") of each request.
    requests: list[tuple[str, str]] = field(default_factory=list)
    #: Waited for when half of a body is sent, of files with this ending.
    gate: threading.Event | None = None
    gated: str = ""

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def asked_for(self, ending: str) -> list[str]:
        """The Range headers of the requests for such a file."""
        return [asked for path, asked in self.requests if path.endswith(ending)]


@contextmanager
def file_server(root: Path, **how: Any) -> Iterator[FileServer]:
    served = FileServer(root, **how)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            asked = self.headers.get("Range", "")
            served.requests.append((self.path, asked))
            path = root / self.path.lstrip("/").partition("?")[0]
            if served.statuses:
                return self._end(served.statuses.pop(0))
            if not path.is_file():
                return self._end(404)
            content = path.read_bytes()
            version = served.etag or served.last_modified or ""
            start = 0
            if asked and served.ranges and self.headers.get("If-Range", version) == version:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    return self._end(416)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            if served.etag:
                self.send_header("ETag", served.etag)
            if served.last_modified:
                self.send_header("Last-Modified", served.last_modified)
            if served.length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            body = body[: served.break_after.pop(0)] if served.break_after else body
            if served.gate is not None and self.path.endswith(served.gated):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                served.gate.wait(30)
                body = body[len(body) // 2 :]
            self.wfile.write(body)
            return None

        def _end(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client went away
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
