"""Requests of Flask, as the functions framework hands them over, answered by an ASGI application."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from asterism.entry.reply import PATIENCE, reply
from asterism.http.asgi import App, Scope


async def answered(app: App, request: Any, patience: float = PATIENCE) -> tuple[bytes, int, list[tuple[str, str]]]:
    """Body, status and headers, as Flask takes them."""
    status, headers, whole = await reply(app, scope(request), request.get_data(cache=False), patience)
    return whole, status, [each for each in headers if each[0] != "content-length"]


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
