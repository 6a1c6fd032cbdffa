"""`POST /sql`: one SELECT, by somebody with the scope `sql`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec

from asterism.http.access import Access
from asterism.http.answers import Answers, form_of
from asterism.http.asgi import Receive, Scope, Send
from asterism.http.body import Bodies, DamagedError
from asterism.http.problem import HttpProblem
from asterism.http.queries import RESPONSES
from asterism.run.wish import Wish

PATH = "/sql"


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked, and within which limits."""

    sql: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
    limit: int | None = None
    timeout: float | None = None


_decoder = msgspec.json.Decoder(Asked)


class Sql:
    """The application. Used by one event loop."""

    def __init__(self, access: Access, bodies: Bodies, answers: Answers) -> None:
        self._access = access
        self._bodies = bodies
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `asgi.App`."""
        try:
            await self._serve(scope, receive, send)
        except HttpProblem as problem:
            await problem.answer(send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise HttpProblem(405, "SQL is asked with POST.", headers={"Allow": "POST"})
        headers = dict(scope["headers"])
        self._access.admit(scope, headers, "sql")
        asked = await self._read(receive, headers)
        named = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("format", "")
        form = form_of(named, headers.get(b"accept", b"").decode("latin-1"))
        wish = Wish(sql=asked.sql, form=form, limit=asked.limit, timeout=asked.timeout)
        await self._answers.serve(wish, headers, "", receive, send)

    async def _read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> Asked:
        try:
            body = await self._bodies.read(receive, headers)
            self._bodies.release(len(body))
            return _decoder.decode(body)
        except DamagedError as error:
            raise HttpProblem(400, f"The body cannot be unpacked: {error}.") from error
        except msgspec.DecodeError as error:
            status = 422 if isinstance(error, msgspec.ValidationError) else 400
            raise HttpProblem(status, f'The body: {error}. Send {{"sql": "SELECT …"}} as JSON.') from error


def operation() -> dict[str, Any]:
    """The path as OpenAPI describes it."""
    _, components = msgspec.json.schema_components([Asked])
    return {
        "post": {
            "tags": ["queries"],
            "operationId": "sql",
            "summary": "One SELECT",
            "description": "Of DuckDB's dialect; it reads tables of the warehouse, and nothing else.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": components["Asked"]}}},
            "responses": RESPONSES,
        }
    }
