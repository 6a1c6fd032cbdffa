"""What an ASGI application answers to one request, whole.

A stream of events is cut at the deadline, and a client asks on with Last-Event-ID.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from asterism.http.asgi import App, Message, Scope

PATIENCE = 20.0
"""Seconds after which who asks for a stream counts as gone; gateways wait for 29 at most."""


class Reply(NamedTuple):
    """Status, headers in lower case in their order, and body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def reply(app: App, scope: Scope, body: bytes, patience: float = PATIENCE) -> Reply:
    """The application's answer to a request with that body."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.sleep(patience)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    await app(scope, receive, send)
    start = next(each for each in sent if each["type"] == "http.response.start")
    whole = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start.get("headers", ())]
    return Reply(int(start["status"]), headers, whole)
