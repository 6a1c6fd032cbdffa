"""A way to a server that a test stands in: each request is shown first, and carried there, changed, or refused."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Carry = Callable[[bytes], bytes]
"""Carries a body there and brings the answer."""
Pass = Callable[[str, bytes, Carry], bytes | None]
"""Given the X-Amz-Target of a request, its body, and how it gets there: the answer, None for a refusal."""


@contextmanager
def forwarding(url: str, let: Pass) -> Iterator[str]:
    """Where the way begins, for as long as the context lasts."""
    there = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        _status, _kind = 200, None

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = let(self.headers.get("X-Amz-Target", ""), body, self._carry)
            if answer is None:
                self._answer(400, b'{"__type":"ValidationException","message":"barred"}')
            else:
                self._answer(self._status, answer, self._kind)

        def _carry(self, body: bytes) -> bytes:
            connection = http.client.HTTPConnection(there.hostname or "", there.port)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            self._status, self._kind = answer.status, answer.getheader("Content-Type")
            told = answer.read()
            connection.close()
            return told

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
