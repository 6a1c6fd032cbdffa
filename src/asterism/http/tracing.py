"""Requests as spans: counted and timed by route, and told to who traces."""

from __future__ import annotations

from collections.abc import Collection

from asterism.http.asgi import App, Message, Receive, Scope, Send
from asterism.ports.tracer import Tracer

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


def traced(app: App, tracer: Tracer, names: Collection[str], firsts: Collection[str]) -> App:
    """`app`, with each request told of by its route: one of `firsts`, and after it one of `names`, or `*`."""
    known = frozenset(names)
    roots = frozenset(firsts)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        told = {"traceparent": parent.decode("latin-1")} if parent is not None else {}
        with tracer.span("request", _route(scope["path"], roots, known), method=method, **told) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.note(status=message["status"])
                await send(message)

            await app(scope, receive, noting)

    return serve


def _route(path: str, roots: frozenset[str], known: frozenset[str]) -> str:
    first, _, rest = path.strip("/").partition("/")
    if first not in roots:
        return _OTHER
    name = rest.partition("/")[0]
    return f"/{first}/{name}" if name in known else f"/{first}/*" if rest else f"/{first}"
