"""`GET /models`: what the warehouse holds, and where it comes from."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from asterism.errors import UsageError
from asterism.http.problem import HttpProblem
from asterism.http.services import Services

_READ = {"needs": "read"}
_SECONDS = 30.0


def models(services: Services) -> list[HTTPRouteHandler]:
    """The handlers."""

    @get("/models", opt=_READ, summary="Models, streams and tables", tags=["models"])
    async def listed() -> Any:
        """With columns, types, comments and lineage; how each is kept current, its state, rows, and freshness."""
        return {"items": await services.control.call("describe", {"name": ""}, _SECONDS)}

    @get("/models/{name:str}", opt=_READ, summary="One model, query, stream or table", tags=["models"])
    async def shown(name: FromPath[str]) -> Any:
        """The same of one."""
        try:
            return await services.control.call("describe", {"name": name}, _SECONDS)
        except UsageError as error:
            raise HttpProblem(404, f"{error.subject[:100]} {error.fact}. {error.remedy}".strip()) from error

    return [listed, shown]
