"""`/session`: a browser shows a token once, and is known by a cookie from then on."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from asterism.http.problem import HttpProblem
from asterism.http.services import Services
from asterism.run.tokens import Token

_SELF = {"needs": None}
"""These judge by themselves."""
_USEFUL = ("read", "sql")
_Asked = Request[Any, Any, Any]


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token, as `asterism token create` printed it."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Session(msgspec.Struct, frozen=True):
    """Who is there, and what they may do."""

    platform: str
    stage: str
    production: bool
    name: str
    scopes: tuple[str, ...]


def session(services: Services) -> list[HTTPRouteHandler]:
    """The handlers."""
    project, access = services.project, services.access

    def told(token: Token) -> Session:
        return Session(project.name, project.stage.name, project.stage.production, token.name, token.scopes)

    @get("/session", opt=_SELF, summary="Who is there", tags=["session"])
    async def here(request: _Asked) -> Session:
        """Of the session, or of the token."""
        token = access.who(_headers(request))
        if token is None:
            raise HttpProblem(401, "There is no session, or it is over.")
        return told(token)

    @post("/session", opt=_SELF, status_code=200, summary="Begin a session", tags=["session"])
    async def begun(request: _Asked, data: JSONBody[Shown]) -> Response[Session]:
        """Show a token, and get a cookie that opens as much as it does, for 12 hours and no longer than the token."""
        access.own(_headers(request))
        token = access.find(data.token.strip())
        if token is None:
            raise HttpProblem(401, "This token is not known, or not any more.")
        if not any(token.allows(scope) for scope in _USEFUL):
            raise HttpProblem(403, f"The token {token.id} opens nothing here: it has neither read, sql nor admin.")
        cookie = access.sessions.open(token, secure=_secure(request))
        return Response(told(token), headers={"Set-Cookie": cookie})

    @delete("/session", opt=_SELF, status_code=204, summary="End the session", tags=["session"])
    async def ended(request: _Asked) -> Response[None]:
        """The cookie goes; the token stays until it is revoked."""
        access.own(_headers(request))
        return Response(None, status_code=204, headers={"Set-Cookie": access.sessions.closed(secure=_secure(request))})

    return [here, begun, ended]


def _headers(request: _Asked) -> dict[bytes, bytes]:
    return dict(request.scope["headers"])


def _secure(request: _Asked) -> bool:
    return "https" in (request.scope["scheme"], request.headers.get("x-forwarded-proto", ""))
