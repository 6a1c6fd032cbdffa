"""`/graph`, `/status`, `/runs`, `/catalog`, `/records`: how the platform stands, for people."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from asterism.http.problem import HttpProblem
from asterism.http.services import Services
from asterism.project.nearest import suggestion

_READ, _SQL = {"needs": "read"}, {"needs": "sql"}
_SECONDS = 30.0
_KEPT = 0.5
"""Seconds for which one look serves everybody."""
_MOST = 1000


def overview(services: Services) -> list[HTTPRouteHandler]:
    """The handlers."""
    streams = {stream.name: stream for stream in services.project.platform.streams}
    drawn: dict[str, Any] = {}
    look = Look(services)

    @get("/graph", opt=_READ, summary="What feeds what", tags=["platform"])
    async def graph() -> dict[str, Any]:
        """Sources, streams, tables, models, views, queries, stored events and publications, in layers."""
        if not drawn:
            drawn.update(await asyncio.to_thread(_graph, services))
        return drawn

    @get("/status", opt=_READ, summary="How everything stands", tags=["platform"])
    async def status() -> Any:
        """How fresh each source, model and publication is, what flowed lately, streams and their lag, incidents."""
        return await look.at()

    @get("/runs", opt=_READ, summary="The latest steps of work", tags=["platform"])
    async def runs(
        limit: Annotated[int, QueryParameter(ge=1, le=_MOST, description="So many at most.")] = 100,
        failed: Annotated[bool, QueryParameter(description="Only those that failed.")] = False,  # noqa: FBT002 - a query's
    ) -> Any:
        """The newest first, with what they changed and the error."""
        return await services.control.call("runs", {"limit": limit, "failed": failed}, _SECONDS)

    @get("/catalog", opt=_READ, summary="Tables, columns and keys", tags=["models"])
    async def catalog() -> Any:
        """Of every model that is built and every table behind them, with the references between them."""
        return await services.control.call("catalog", {}, _SECONDS)

    @get("/records/{stream:str}", opt=_SQL, summary="The latest records of a stream", tags=["streams"])
    async def records(
        stream: FromPath[str],
        limit: Annotated[int, QueryParameter(ge=1, le=100, description="So many at most.")] = 20,
    ) -> dict[str, Any]:
        """The newest first, as they came."""
        if stream not in streams:
            raise HttpProblem(404, f"There is no stream {stream[:100]!r}. {suggestion(stream, streams)}".strip())
        return {"items": await asyncio.to_thread(_latest, services, stream, limit)}

    return [graph, status, runs, catalog, records]


class Look:
    """One look at how everything stands serves all who ask meanwhile. Used by one event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._began = secrets.token_hex(4)
        self._found: tuple[float, dict[str, Any]] | None = None
        self._under_way: asyncio.Task[dict[str, Any]] | None = None

    async def at(self) -> dict[str, Any]:
        """What is found. Raises as `Control.call`."""
        if self._found is not None and time.monotonic() - self._found[0] < _KEPT:
            return self._found[1]
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._look())
        return await asyncio.shield(self._under_way)

    async def _look(self) -> dict[str, Any]:
        found: dict[str, Any] = dict(await self._services.control.call("overview", {}, _SECONDS))
        found["server"] = self._began
        """Of this server: another one may serve another graph."""
        self._found = (time.monotonic(), found)
        return found


def _latest(services: Services, stream: str, limit: int) -> list[dict[str, Any]]:
    end = services.log.standing(stream).end
    after = {partition: max(0, position - limit) for partition, position in end.items()}
    found = services.log.read(stream, "_console", after, limit * max(len(end), 1))
    latest = sorted(found, key=lambda each: (each.at, each.position), reverse=True)[:limit]
    return [{"id": each.id, "key": each.key, "at": each.at / 1e6, "body": msgspec.Raw(each.body)} for each in latest]


def _graph(services: Services) -> dict[str, Any]:
    # SQL is read for it, and what reads SQL is slow to import: it is not waited for at the start.
    from asterism.project.draw import untangled  # noqa: PLC0415 - as above
    from asterism.project.graph import graph  # noqa: PLC0415 - as above

    project = services.project
    drawn = graph(project)
    layers = untangled(drawn)
    said = {f"model:{each.name}": each.description for each in project.models.values()}
    said |= {f"query:{each.name}": each.description for each in project.queries.values()}
    return {
        "platform": project.name,
        "stage": project.stage.name,
        "layers": [
            [
                {"id": node.id, "name": node.name, "kind": node.kind, "description": said.get(node.id, "")}
                for node in layer
            ]
            for layer in layers
        ],
        "edges": [{"from": begin, "to": end} for begin, end in drawn.edges],
    }
