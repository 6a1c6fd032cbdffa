"""Requests of Flask, as the functions framework hands them over, answered by an ASGI application.

An answer is whole when it is sent: a stream of events is cut at the deadline, and a client asks on with Last-Event-ID.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

from asterism.http.asgi import App, Message, Scope

_PATIENCE = 20.0


async def answered(app: App, request: Any, patience: float = _PATIENCE) -> tuple[bytes, int, list[tuple[str, str]]]:
    """Body, status and headers, as Flask takes them."""
    waiting = [{"type": "http.request", "body": request.get_data(cache=False), "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.sleep(patience)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    await app(scope(request), receive, send)
    start = next(each for each in sent if each["type"] == "http.response.start")
    whole = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start.get("headers", ())]
    return whole, int(start["status"]), [each for each in headers if each[0].lower() != "content-length"]


def scope(request: Any) -> Scope:
    """The request as ASGI has it."""
    path = request.environ.get("RAW_URI") or request.full_path
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.headers.get("X-Forwarded-Proto", request.scheme),
        "path": unquote(raw),
        "raw_path": raw.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers],
        "client": (request.headers.get("X-Forwarded-For", request.remote_addr or "").split(",")[0].strip(), 0),
        "server": (request.host.partition(":")[0], None),
        "state": {},
    }
