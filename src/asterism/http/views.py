"""`GET /views/…`: live views, and their changes."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from asterism.declare.view import View
from asterism.http.problem import HttpProblem
from asterism.http.services import Services
from asterism.ports.state import Kept
from asterism.project.nearest import suggestion
from asterism.run.tokens import Token

READ = {"needs": "read"}
_EVENTS = "text/event-stream"
_LONGEST = 1000

Limit = Annotated[int, QueryParameter(ge=1, le=_LONGEST, description="Items of one answer.")]
After = Annotated[str, QueryParameter(description="The `next` of the answer before.")]
Key = Annotated[str | None, QueryParameter(description="Only the states of this key.")]


class Item(msgspec.Struct, frozen=True):
    """The state of a key, and of one window where the view has windows."""

    key: str
    value: Any
    window: str | msgspec.UnsetType = msgspec.UNSET


class Page(msgspec.Struct, frozen=True):
    """States in the order of their keys. `next` is what to ask for after these; null: there are no more."""

    items: list[Item]
    next: str | None


def views(services: Services) -> list[HTTPRouteHandler]:
    """The handlers."""
    known = {view.name: view for view in services.project.platform.views}

    def view(name: str) -> View:
        if name not in known:
            raise HttpProblem(404, f"There is no view {name!r}. {suggestion(name, known)}".strip())
        return known[name]

    async def page(name: str, limit: int, after: str, key: str | None) -> Page:
        found = await asyncio.to_thread(services.states.scan, view(name).name, _place(after), limit + 1, key)
        last = found[limit - 1] if len(found) > limit else None
        return Page([_item(each) for each in found[:limit]], _mark(last.key, last.window) if last else None)

    def follow(name: str, request: Request[Any, Token, Any]) -> Stream:
        token, last = request.scope["state"].get("token"), request.headers.get("last-event-id", "0")
        if not (last.isascii() and last.isdigit() and len(last) < 19):  # noqa: PLR2004 - digits of 63 bits
            raise HttpProblem(400, "Last-Event-ID must be the id of an event.")
        allowed = (lambda: services.access.still(token)) if token else (lambda: True)
        events = services.changes.follow(view(name).name, int(last), allowed)
        return Stream(
            events, media_type=_EVENTS, headers={"Content-Type": _EVENTS}
        )  # of two answers, JSON is the default

    @get("/views/{name:str}", opt=READ, summary="The states of a live view", tags=["views"])
    async def states(
        request: Request[Any, Token, Any], name: FromPath[str], limit: Limit = 100, after: After = "", key: Key = None
    ) -> Page | Stream:
        """In the order of keys, page by page. With `Accept: text/event-stream`, its changes as they come."""
        if _EVENTS in request.headers.get("accept", ""):
            return follow(name, request)
        return await page(name, limit, after, key)

    @get("/views/{name:str}/changes", opt=READ, summary="Changes of a live view, as they come", tags=["views"])
    async def changes(request: Request[Any, Token, Any], name: FromPath[str]) -> Stream:
        """Server-sent events: first every state, then each that changes, with its latest value.

        An event's data is a state as in the list; events named `drop` say that one is gone. Their ids are versions:
        `Last-Event-ID` goes on after one.
        """
        return follow(name, request)

    @get("/views/{name:str}/{key:path}", opt=READ, summary="The state of one key", tags=["views"])
    async def state(
        request: Request[Any, Token, Any], name: FromPath[str], limit: Limit = 100, after: After = ""
    ) -> Item | Page:
        """Where the view has windows, a page of them."""
        key = unquote(request.scope["raw_path"]).removeprefix(f"/views/{name}/")  # `path` has lost its double slashes
        if view(name).window is not None:
            return await page(name, limit, after, key)
        found = await asyncio.to_thread(services.states.get, name, [(key, "")])
        if not found:
            raise HttpProblem(404, f"The view {name} has no state of the key {key[:100]!r}.")
        return _item(found[key, ""])

    return [states, changes, state]


def _item(state: Kept) -> Item:
    return Item(state.key, msgspec.Raw(state.value), state.window or msgspec.UNSET)


def _mark(key: str, window: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((key, window))).decode().rstrip("=")


def _place(after: str) -> tuple[str, str] | None:
    if not after:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)), type=tuple[str, str])
    except (binascii.Error, ValueError) as error:
        raise HttpProblem(400, "`after` must be the `next` of an answer.") from error
