"""Requests of API Gateway (payload 2.0) and function URLs, answered by an ASGI application.

An answer is whole when it is sent: a stream of events is cut at the deadline, and a client asks on with Last-Event-ID.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from asterism.http.asgi import App, Message, Scope

_PATIENCE = 20.0
"""Seconds after which who asks for a stream counts as gone; API Gateway waits for 29."""


async def answered(app: App, event: Mapping[str, Any], patience: float = _PATIENCE) -> dict[str, Any]:
    """The answer to an event, as the event's sender wants it. The body travels as base 64: it may be packed."""
    given = event.get("body") or ""
    body = base64.b64decode(given) if event.get("isBase64Encoded") else given.encode()
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.sleep(patience)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    await app(scope(event), receive, send)
    start = next(each for each in sent if each["type"] == "http.response.start")
    whole = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
    headers: dict[str, str] = {}
    cookies = []
    for raw, value in start.get("headers", ()):
        name = raw.decode("latin-1").lower()
        if name == "set-cookie":
            cookies.append(value.decode("latin-1"))
        elif name in headers:
            headers[name] += f", {value.decode('latin-1')}"
        else:
            headers[name] = value.decode("latin-1")
    return {
        "statusCode": start["status"],
        "headers": headers,
        "cookies": cookies,
        "body": base64.b64encode(whole).decode(),
        "isBase64Encoded": True,
    }


def scope(event: Mapping[str, Any]) -> Scope:
    """The request as ASGI has it. The stage's name, which API Gateway puts before the path, is taken off."""
    context = event["requestContext"]
    http = context["http"]
    raw = event.get("rawPath") or http["path"]
    stage = f"/{context.get('stage', '$default')}"
    if raw == stage or raw.startswith(f"{stage}/"):
        raw = raw[len(stage) :] or "/"
    headers = [(name.lower().encode("latin-1"), str(value).encode()) for name, value in event["headers"].items()]
    if event.get("cookies"):
        headers.append((b"cookie", "; ".join(event["cookies"]).encode()))
    named = dict(headers)
    host, _, port = named.get(b"host", b"localhost").decode("latin-1").partition(":")
    scheme = named.get(b"x-forwarded-proto", b"https").decode("latin-1")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": http["method"],
        "scheme": scheme,
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": (event.get("rawQueryString") or "").encode(),
        "root_path": "",
        "headers": headers,
        "client": (http.get("sourceIp", ""), 0),
        "server": (host, int(port or (443 if scheme == "https" else 80))),
        "state": {},
    }
