"""Problem details (RFC 9457), and answers in general."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from asterism.http.asgi import Headers, Send

GUARDED: Headers = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
"""Headers of every answer: it is kept nowhere, framed nowhere, and never taken for what it is not."""
JSON: Headers = [(b"content-type", b"application/json"), *GUARDED]
_PROBLEM: Headers = [(b"content-type", b"application/problem+json"), *GUARDED]

SOON = {"Retry-After": "1"}
"""The header that says to come again in a second."""


class HttpProblem(Exception):
    """A request is answered with problem details. `more` are further members of them."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        title: str = "",
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.headers = headers or {}
        self.more = more or {}

    def body(self) -> bytes:
        """The problem details."""
        members = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            members["detail"] = self.detail
        return msgspec.json.encode(members | dict(self.more))

    async def answer(self, send: Send) -> None:
        """Send it."""
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        await answer(send, self.status, self.body(), [*_PROBLEM, *headers])


async def answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Send a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
