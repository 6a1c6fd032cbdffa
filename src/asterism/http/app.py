"""The application: who answers which path, and what is the same for all."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection

from asterism.http import ingest, queries, sql
from asterism.http.asgi import App, Headers, Message, Receive, Scope, Send
from asterism.http.head import with_head
from asterism.http.problem import GUARDED, HttpProblem, answer

_SNS = "/sns/"
_METHODS = b"GET, HEAD, POST, DELETE, OPTIONS"
_HEADERS = b"Authorization, Content-Type, Content-Encoding, Idempotency-Key, Last-Event-ID, If-None-Match"
_EXPOSED = b"Retry-After, WWW-Authenticate, ETag, Link, Asterism-Truncated"
_log = logging.getLogger(__name__)


def application(
    ingest_app: App, sns_app: App, queries_app: App, sql_app: App, others: App, origins: Collection[str]
) -> App:
    """All of them as one. `origins` are those whose pages may call; `*` is any."""
    allowed = frozenset(origin.encode() for origin in origins)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        try:
            if path.startswith(ingest.PREFIX):
                await ingest_app(scope, receive, send)
            elif path.startswith(_SNS):
                await sns_app(scope, receive, send)
            elif path == queries.PREFIX or path.startswith(f"{queries.PREFIX}/"):
                await queries_app(scope, receive, send)
            elif path == sql.PATH:
                await sql_app(scope, receive, send)
            else:
                await others(scope, receive, send)
        except Exception:  # noqa: BLE001 - whatever it is, it is told and answered
            _log.exception("a fault in answering %s", path)
            with contextlib.suppress(Exception):  # the answer may have begun
                await HttpProblem(500, "A fault of the server's own; its output tells more.").answer(send)

    async def serve_across(scope: Scope, receive: Receive, send: Send) -> None:
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or not (origin in allowed or b"*" in allowed):
            await serve(scope, receive, send)
            return
        granted: Headers = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        if scope["method"] == "OPTIONS":
            granted += [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _HEADERS),
                (b"access-control-max-age", b"600"),
            ]
            await answer(send, 204, b"", [*granted, *GUARDED])
            return
        granted.append((b"access-control-expose-headers", _EXPOSED))

        async def send_across(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *granted]
            await send(message)

        await serve(scope, receive, send_across)

    return with_head(serve_across if allowed else serve)


async def nothing(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer that there is nothing."""
    await HttpProblem(404, f"There is nothing at {scope['path'][:100]}.").answer(send)
