"""`GET /events/…`: stored events of one key, by time."""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from asterism.http.problem import HttpProblem
from asterism.http.services import Services
from asterism.http.views import READ
from asterism.ports.events import Place
from asterism.project.nearest import suggestion
from asterism.run.store import as_json, read

Key = Annotated[str, QueryParameter(description="Whose events: a value of the stream's key.")]
Since = Annotated[datetime | None, QueryParameter(description="Not those before it; UTC unless it says otherwise.")]
Until = Annotated[datetime | None, QueryParameter(description="Only those before it.")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Events of one answer.")]
After = Annotated[str, QueryParameter(description="The `next` of the answer before.")]


class Events(msgspec.Struct, frozen=True):
    """Events in the order of their times: `id`, `at` (UTC), and a family each, with its columns.

    `next` is what to ask for after these; null: there are no more.
    """

    items: list[dict[str, Any]]
    next: str | None


def events(services: Services) -> list[HTTPRouteHandler]:
    """The handler; none where this stage stores no events."""
    store = services.events
    known = {each.stream.name: each for each in services.project.platform.storings}
    if store is None:
        return []

    @get("/events/{stream:str}", opt=READ, summary="Stored events of one key", tags=["events"])
    async def stored(
        stream: FromPath[str], key: Key, since: Since = None, until: Until = None, limit: Limit = 100, after: After = ""
    ) -> Events:
        """With what views wrote beside them."""
        if stream not in known:
            raise HttpProblem(404, f"No events of {stream!r} are stored. {suggestion(stream, known)}".strip())
        place = _place(after, key)
        found = await asyncio.to_thread(read, store, known[stream], key, since, until, limit + 1, place)
        last = found[limit - 1].place if len(found) > limit else None
        return Events([as_json(each) for each in found[:limit]], _mark(last) if last else None)

    return [stored]


def _mark(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((place.at, place.id))).decode().rstrip("=")


def _place(after: str, key: str) -> Place | None:
    if not after:
        return None
    try:
        decoded = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4))
        return Place(key, *msgspec.json.decode(decoded, type=tuple[datetime, str]))
    except (binascii.Error, ValueError) as error:
        raise HttpProblem(400, "`after` must be the `next` of an answer.") from error
