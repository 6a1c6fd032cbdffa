"""`/quarantine` and `/simulate`: work that `asterism run` does for a person with the scope admin."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter

from asterism.errors import UsageError
from asterism.http.problem import HttpProblem
from asterism.http.services import Services
from asterism.project.nearest import suggestion

_ADMIN = {"needs": "admin"}
_SECONDS = 30.0
_LONGEST = 3600.0
"""Seconds of a simulation, at most."""
MOST = 100_000
"""Events of one simulation."""


class Simulation(msgspec.Struct, frozen=True):
    """How much is made up, and how fast: `speedFactor` 60 lets an hour pass in a minute."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 10
    speedFactor: Annotated[float, msgspec.Meta(gt=0, le=1e9)] = 60.0  # noqa: N815 - a name of the protocol
    seed: int = 0
    project: str = ""
    """Taken, since senders of this protocol name one; a server has one platform."""


def quarantine(services: Services) -> list[HTTPRouteHandler]:
    """The handlers of what was set aside."""

    async def ask(action: str, **which: Any) -> Any:
        try:
            return await services.control.call("quarantine", {"action": action, **which}, _SECONDS)
        except UsageError as error:
            raise HttpProblem(404, f"{error.subject} {error.fact}.") from error

    @get("/quarantine", opt=_ADMIN, summary="What was set aside", tags=["quarantine"])
    async def listed(
        stream: Annotated[str, QueryParameter(description="Only of this stream.")] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=1000, description="Items of one answer.")] = 100,
    ) -> Any:
        """The latest first, each with its reason."""
        return await ask("list", stream=stream, limit=limit)

    @get("/quarantine/{key:str}", opt=_ADMIN, summary="One thing that was set aside", tags=["quarantine"])
    async def shown(key: FromPath[str]) -> Any:
        """With its original bytes."""
        return await ask("show", id=key)

    @post("/quarantine/{key:str}/replay", opt=_ADMIN, status_code=200, summary="Try again", tags=["quarantine"])
    async def replayed(key: FromPath[str]) -> Any:
        """Let it try again where it was refused. What passes leaves the quarantine."""
        return await ask("replay", id=key)

    @delete("/quarantine/{key:str}", opt=_ADMIN, status_code=200, summary="Drop it for good", tags=["quarantine"])
    async def dropped(key: FromPath[str]) -> Any:
        """Nothing of it is kept."""
        return await ask("drop", id=key)

    return [listed, shown, replayed, dropped]


def simulate(services: Services) -> list[HTTPRouteHandler]:
    """The handler of made-up traffic."""
    stage, known = services.project.stage, [each.name for each in services.project.event_simulators]

    @post("/simulate/{name:str}", opt=_ADMIN, status_code=200, summary="Make up events", tags=["simulators"])
    async def simulated(name: FromPath[str], data: JSONBody[Simulation]) -> Response[str]:
        """Append made-up events to the simulator's stream, and answer how many. Production refuses."""
        if stage.production or not stage.simulators:
            fact = "is production" if stage.production else "has no simulators"
            raise HttpProblem(403, f"The stage {stage.name} {fact}: made-up events are refused.")
        if name not in known:
            raise HttpProblem(404, f"There is no simulator {name!r} of a stream. {suggestion(name, known)}".strip())
        arguments = {"name": name, "limit": data.limit, "speed": data.speedFactor, "seed": data.seed}
        result = await services.control.call("simulate_events", arguments, _LONGEST)
        return Response(f"{result['events']} events run", media_type=MediaType.TEXT)

    return [simulated]
