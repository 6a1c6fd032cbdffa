"""A way to a server that a test stands in: each request is shown first, and carried there, changed, or refused."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from target_server import Answer, Request, answering

Carry = Callable[[bytes], bytes]
"""Carries a body there and brings the answer."""
Pass = Callable[[str, bytes, Carry], bytes | None]
"""Given the X-Amz-Target of a request, its body, and how it gets there: the answer, None for a refusal."""
_KIND = "application/x-amz-json-1.0"


@contextmanager
def forwarding(url: str, let: Pass) -> Iterator[str]:
    """Where the way begins, for as long as the context lasts."""
    there = urlsplit(url)

    def passed(request: Request) -> Answer:
        answered = Answer(b"", 200, _KIND)

        def carry(body: bytes) -> bytes:
            nonlocal answered
            connection = http.client.HTTPConnection(there.hostname or "", there.port)
            headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
            connection.request("POST", request.path, body, headers)
            answer = connection.getresponse()
            answered = Answer(answer.read(), answer.status, answer.getheader("Content-Type") or _KIND)
            connection.close()
            return answered.body

        told = let(request.target, request.body, carry)
        if told is None:
            return Answer(b'{"__type":"ValidationException","message":"barred"}', 400, _KIND)
        return answered._replace(body=told)

    with answering(passed) as begin:
        yield begin
