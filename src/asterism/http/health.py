"""`GET /health`, `GET /ready`: for load balancers. Open to all, and they say little."""

from __future__ import annotations

import asyncio
import time

from litestar import get
from litestar.handlers import HTTPRouteHandler

from asterism.http.problem import HttpProblem
from asterism.http.services import Services

OPEN = {"needs": None, "counted": False}
_KEPT = 1.0


def health(services: Services) -> list[HTTPRouteHandler]:
    """The handlers."""
    looked_at, found = float("-inf"), ""
    turn = asyncio.Lock()

    @get("/health", opt=OPEN, summary="Whether the server answers", tags=["health"])
    async def alive() -> dict[str, str]:
        """It does."""
        return {"status": "ok"}

    @get("/ready", opt=OPEN, summary="Whether records can be taken and questions answered", tags=["health"])
    async def ready() -> dict[str, str]:
        """503 with the reason where they cannot."""
        nonlocal looked_at, found
        async with turn:
            if time.monotonic() - looked_at > _KEPT:  # however often it is asked
                found = await services.ready()
                looked_at = time.monotonic()
        if found:
            raise HttpProblem(503, found, title="Not ready", headers={"Retry-After": "1"})
        return {"status": "ready"}

    return [alive, ready]
