"""A way to a server that a test can bar: each request is shown first, and is carried there or answered with 500."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Let = Callable[[str, bytes], bool]
"""Given the X-Amz-Target of a request, and its body: whether it goes through."""


@contextmanager
def forwarding(url: str, let: Let) -> Iterator[str]:
    """Where the way begins, for as long as the context lasts."""
    there = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not let(self.headers.get("X-Amz-Target", ""), body):
                self._answer(400, b'{"__type":"ValidationException","message":"barred"}')
                return
            connection = http.client.HTTPConnection(there.hostname or "", there.port)
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            self._answer(answer.status, answer.read(), answer.getheader("Content-Type"))
            connection.close()

        def _answer(self, status: int, body: bytes, kind: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", kind or "application/x-amz-json-1.0")
            self.end_headers()
            self.wfile.write(body)

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
