"""Requests of API Gateway (payload 2.0) and function URLs, answered by an ASGI application."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from asterism.entry.reply import PATIENCE, reply
from asterism.http.asgi import App, Scope


async def answered(app: App, event: Mapping[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
    """The answer to an event, as the event's sender wants it. The body travels as base 64: it may be packed."""
    given = event.get("body") or ""
    body = base64.b64decode(given) if event.get("isBase64Encoded") else given.encode()
    status, told, whole = await reply(app, scope(event), body, patience)
    headers: dict[str, str] = {}
    for name, value in told:
        if name != "set-cookie":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {
        "statusCode": status,
        "headers": headers,
        "cookies": [value for name, value in told if name == "set-cookie"],
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
