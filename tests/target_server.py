"""A server of AWS's JSON protocol, which a test stands in: a request names its operation in X-Amz-Target."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What came."""

    target: str
    body: bytes
    path: str
    headers: Mapping[str, str]


class Answer(NamedTuple):
    """What goes back."""

    body: bytes
    status: int = 200
    kind: str = "application/x-amz-json-1.1"


@contextmanager
def answering(answer: Callable[[Request], Answer]) -> Iterator[str]:
    """Its address, for as long as the context lasts. Requests are answered side by side."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = dict(self.headers.items())
            told = answer(Request(self.headers.get("X-Amz-Target", ""), body, self.path, headers))
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.send_header("Content-Type", told.kind)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
