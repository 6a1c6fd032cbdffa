"""`GET /queries`, `GET /queries/{name}`: the platform's questions, each with an address. Plain ASGI, a short way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import msgspec

from asterism.declare.chart import Chart
from asterism.declare.model import Parameter, Query
from asterism.http.access import Access
from asterism.http.answers import MEDIA, Answers, form_of
from asterism.http.asgi import Receive, Scope, Send
from asterism.http.problem import JSON, HttpProblem, answer
from asterism.project.load import Project
from asterism.project.nearest import suggestion
from asterism.run.wish import Wish

PREFIX = "/queries"
_OWN = ("format", "limit", "after", "timeout")
_WHOLE, _NUMBER = {"type": "integer"}, {"type": "number"}
_TYPES: Mapping[str, dict[str, str]] = {
    "boolean": {"type": "boolean"}, "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"}, "uuid": {"type": "string", "format": "uuid"},
    "tinyint": _WHOLE, "smallint": _WHOLE, "integer": _WHOLE, "int": _WHOLE, "bigint": _WHOLE,
    "double": _NUMBER, "float": _NUMBER, "real": _NUMBER, "decimal": _NUMBER, "numeric": _NUMBER,
}  # fmt: skip
_READ_ONLY = {"Allow": "GET, HEAD"}


class Queries:
    """The application. Used by one event loop."""

    def __init__(self, project: Project, access: Access, answers: Answers) -> None:
        self._queries = project.queries
        self._access = access
        self._answers = answers
        self._listed = msgspec.json.encode({"items": [_told(each) for each in project.queries.values()]})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `asgi.App`."""
        try:
            await self._serve(scope, receive, send)
        except HttpProblem as problem:
            await problem.answer(send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            raise HttpProblem(405, "Questions are asked with GET.", headers=_READ_ONLY)
        headers = dict(scope["headers"])
        self._access.admit(scope, headers, "read")
        name = unquote(scope["path"][len(PREFIX) :]).strip("/")
        if not name:
            await answer(send, 200, self._listed, JSON)
            return
        if name not in self._queries:
            raise HttpProblem(404, f"There is no query {name[:100]!r}. {suggestion(name, self._queries)}".strip())
        given = scope["query_string"]
        wish = self._wish(self._queries[name], given, headers.get(b"accept", b""))
        kept = [
            (each, value)
            for each, value in parse_qsl(given.decode("latin-1"), keep_blank_values=True)
            if each != "after"
        ]
        path = f"{PREFIX}/{name}?{urlencode(kept)}" if kept else f"{PREFIX}/{name}"
        await self._answers.serve(wish, headers, path, receive, send)

    def _wish(self, query: Query, text: bytes, accept: bytes) -> Wish:
        try:
            pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError as error:
            raise HttpProblem(400, "The query string is no text in UTF-8.") from error
        declared = {parameter.name: parameter for parameter in query.parameters}
        own: dict[str, str] = {}
        given: dict[str, list[str]] = {}
        for name, value in pairs:
            if name in _OWN and name not in declared:
                own[name] = value
            else:
                given.setdefault(name, []).append(value)
        values = {name: _one(name, each, declared.get(name)) for name, each in given.items()}
        return Wish(
            name=query.name,
            values=values,
            form=form_of(own.get("format", ""), accept.decode("latin-1")),
            limit=number(own, "limit", int),
            after=own.get("after", ""),
            timeout=number(own, "timeout", float),
        )


def number(own: Mapping[str, str], name: str, kind: type[int | float]) -> Any:
    """The number by this name, None where there is none. Raises HttpProblem 422."""
    try:
        return kind(own[name]) if name in own else None
    except ValueError as error:
        raise HttpProblem(422, f"{name} must be a number.", more={"parameter": name}) from error


def _one(name: str, values: list[str], parameter: Parameter | None) -> str:
    """A parameter's value as one text; that of a list as a JSON array, where it is repeated."""
    if len(values) == 1:
        return values[0]
    if parameter is not None and parameter.type.endswith("[]"):
        return msgspec.json.encode(values).decode()
    raise HttpProblem(422, f"The parameter {name[:100]!r} stands twice.", more={"parameter": name[:100]})


def _told(query: Query) -> dict[str, Any]:
    parameters = [{"name": p.name, "type": p.type, "default": p.default} for p in query.parameters]
    return {
        "name": query.name,
        "description": query.description,
        "parameters": parameters,
        "path": f"{PREFIX}/{query.name}",
        "chart": _chart(query.chart) if query.chart else None,
    }


def _chart(chart: Chart) -> dict[str, Any]:
    return {"kind": chart.kind, "columns": dict(chart.columns), "unit": chart.unit, "title": chart.title}


def operations(project: Project) -> dict[str, Any]:
    """The paths as OpenAPI describes them."""
    listed = {"get": {"tags": ["queries"], "operationId": "queries", "summary": "The queries", "responses": _LISTED}}
    queries = project.queries.values()
    return {PREFIX: listed} | {f"{PREFIX}/{each.name}": {"get": _operation(each, project)} for each in queries}


def _operation(query: Query, project: Project) -> dict[str, Any]:
    stage = project.stage
    limit = {"type": "integer", "minimum": 1, "maximum": stage.row_limit, "default": min(stage.row_limit, 10_000)}
    seconds = {"type": "number", "exclusiveMinimum": 0, "maximum": stage.query_timeout, "default": stage.query_timeout}
    own = {
        "format": ({"type": "string", "enum": [*MEDIA]}, "The form of the answer, rather than by `Accept`."),
        "limit": (limit, "Rows of one answer."),
        "after": ({"type": "string"}, "The page after: as `Link` with rel=next says, where the query has an order."),
        "timeout": (seconds, "Seconds after which the question is stopped."),
    }
    taken = {parameter.name for parameter in query.parameters}
    return {
        "tags": ["queries"],
        "operationId": f"query_{query.name}",
        "summary": query.description,
        "parameters": [
            *map(_parameter, query.parameters),
            *(
                {"name": name, "in": "query", "required": False, "schema": schema, "description": text}
                for name, (schema, text) in own.items()
                if name not in taken
            ),
        ],
        "responses": RESPONSES,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    kind = parameter.type.lower().removesuffix("[]").partition("(")[0].strip()
    schema: dict[str, Any] = dict(_TYPES.get(kind, {"type": "string"}))
    default = f", by default {parameter.default}" if parameter.default is not None else ""
    found: dict[str, Any] = {"name": parameter.name, "in": "query", "required": parameter.default is None}
    if parameter.type.endswith("[]"):
        schema = {"type": "array", "items": schema}
        found |= {"style": "form", "explode": True}
    return found | {"schema": schema, "description": f"{parameter.type}{default}."}


_ROWS = {
    "type": "object",
    "properties": {
        "columns": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "object"}},
    },
}
_PROBLEMS = {
    "400": "The SQL does not parse or cannot be run; `line` and `column` say where, as far as is known.",
    "401": "A token is needed.",
    "403": "The token has not the scope.",
    "404": "There is no such query.",
    "406": "None of the forms that are accepted can be had.",
    "422": "A parameter does not fit; `parameter` names it.",
    "503": "`asterism run` is away, or too busy.",
    "504": "The question took too long, and was stopped.",
}
RESPONSES: Mapping[str, Any] = {
    "200": {
        "description": "The rows. `ETag` stays while data and question do; `Link` with rel=next leads to the next "
        "page; `Asterism-Truncated` says that there are more rows.",
        "content": {
            media: {"schema": _ROWS if form == "json" else {"type": "string"}} for form, media in MEDIA.items()
        },
    },
    "304": {"description": "The answer is the one that If-None-Match names; nothing was run."},
    **{code: {"description": text, "content": {"application/problem+json": {}}} for code, text in _PROBLEMS.items()},
}
_LISTED = {"200": {"description": "Names, descriptions, parameters.", "content": {"application/json": {}}}}
