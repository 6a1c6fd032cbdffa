"""`GET /openapi.json`, `GET /docs`: what the server answers, with the schemas of the records that it takes.

The page is ours: the usual ones load their scripts from other hosts.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from asterism.declare.endpoint import Endpoint
from asterism.declare.stream import Stream
from asterism.http import queries, sql
from asterism.project.load import Project

_PUBLIC = {"needs": None}
_HTML = "text/html"  # Litestar adds the charset
_PAGE = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
_REFERENCE = "#/components/schemas/{name}"
_BEARER = [{"bearer": list[str]()}]
_ID = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "The id of the record; of several, the key and their places. Sent again, it is taken once.",
}
_ACCEPTED = {
    "type": "object",
    "properties": {
        "accepted": {"type": "integer", "description": "Duplicates included."},
        "duplicates": {"type": "integer"},
        "ids": {"type": "array", "items": {"type": "string"}},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"index": {"type": "integer"}, "reason": {"type": "string"}},
            },
        },
    },
}
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_REFUSALS = {
    "400": "Nothing in it can be taken; what was sent is in quarantine.",
    "401": "A token is needed.",
    "403": "The token has not the scope.",
    "413": "The body is too large.",
    "415": "The content encoding is not known.",
    "429": "Too many requests; Retry-After says when.",
    "503": "The log cannot take more at present; nothing is lost that was answered with 202.",
}


def describe(project: Project) -> list[HTTPRouteHandler]:
    """The handlers."""
    made: dict[str, bytes] = {}

    @get("/openapi.json", opt=_PUBLIC, include_in_schema=False)
    async def schema(request: Request[Any, Any, Any]) -> Response[bytes]:
        if not made:
            made[""] = msgspec.json.encode(_whole(request.app, project))
        return Response(made[""], media_type="application/json")

    @get("/docs", opt=_PUBLIC, include_in_schema=False)
    async def page() -> Response[bytes]:
        return Response(_static("docs.html"), media_type=_HTML, headers=_PAGE)

    @get("/docs/docs.js", opt=_PUBLIC, include_in_schema=False)
    async def script() -> Response[bytes]:
        return Response(_static("docs.js"), media_type="text/javascript")

    @get("/docs/docs.css", opt=_PUBLIC, include_in_schema=False)
    async def style() -> Response[bytes]:
        return Response(_static("docs.css"), media_type="text/css")

    return [schema, page, script, style]


def _static(name: str) -> bytes:
    return (resources.files("asterism.http") / "static" / name).read_bytes()


def _whole(app: Litestar, project: Project) -> dict[str, Any]:
    """Litestar's description of its own routes, with those that pass it by."""
    api = app.openapi_schema.to_schema()
    platform = project.platform
    schemas, components = _schemas(platform.streams)
    known = api.setdefault("components", {})
    known["schemas"] = {**known.get("schemas", {}), **components}
    known["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    ingest = {f"/streams/{s.name}": {"post": _ingest(s, schemas[s.name])} for s in platform.streams}
    sns = {f"/sns/{each.stream.name}": {"post": _sns(each)} for each in platform.endpoints}
    asked = {**queries.operations(project), sql.PATH: sql.operation()}
    api["paths"] = {**ingest, **sns, **asked, **api["paths"]}
    for path in api["paths"].values():
        for operation in path.values():
            if "health" not in operation["tags"]:
                operation.setdefault("security", _BEARER)
    return api


def _schemas(streams: Sequence[Stream]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of each stream's records, by its name, and what they refer to."""
    schemas: dict[str, Any] = {stream.name: {} for stream in streams if stream.record is None}
    typed = [stream for stream in streams if stream.record is not None]
    found, components = msgspec.json.schema_components([s.record for s in typed], ref_template=_REFERENCE)
    return schemas | {stream.name: schema for stream, schema in zip(typed, found, strict=True)}, components


def _ingest(stream: Stream, record: dict[str, Any]) -> dict[str, Any]:
    several = {"anyOf": [record, {"type": "array", "items": record}]} if record else {}
    lines = {"schema": {"type": "string"}, "example": "{}\n{}\n"}
    cloud = {"schema": {"type": "object"}}
    problem = {"application/problem+json": {"schema": _PROBLEM}}
    return {
        "tags": ["streams"],
        "operationId": f"append_{stream.name}",
        "summary": f"Append records to {stream.name}",
        "description": "One record, an array, or lines of JSON, gzip or zstd too; or CloudEvents. "
        "202 says that they are on disk.",
        "parameters": [_ID],
        "security": [] if stream.public else _BEARER,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": several},
                "application/x-ndjson": lines,
                "application/cloudevents+json": cloud,
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
            },
        },
        "responses": {
            "202": {"description": "They are on disk.", "content": {"application/json": {"schema": _ACCEPTED}}},
            **{code: {"description": text, "content": problem} for code, text in _REFUSALS.items()},
        },
    }


def _sns(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "tags": ["streams"],
        "operationId": f"sns_{endpoint.stream.name}",
        "summary": f"Amazon SNS pushes into {endpoint.stream.name}",
        "security": [],
        "responses": {
            "200": {"description": "The record is on disk."},
            "403": {"description": "The message is not genuine, or of a topic that may not send."},
            "503": {"description": "It may pass later: SNS sends it again."},
        },
    }
