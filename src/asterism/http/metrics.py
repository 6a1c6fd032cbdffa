"""`GET /metrics`: for Prometheus, by a token with the scope `metrics`."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from asterism.errors import AsterismError
from asterism.http.problem import HttpProblem
from asterism.http.services import Services
from asterism.ports.meter import Measure

_SECONDS = 10.0
_MEDIA = "text/plain; version=0.0.4"


def metrics(services: Services) -> list[HTTPRouteHandler]:
    """The handlers."""

    @get("/metrics", opt={"needs": "metrics"}, summary="Counts, times and gauges for Prometheus", tags=["health"])
    async def shown() -> Response[bytes]:
        """Those of this server, and those of `asterism run`, where it works: `asterism_up` says so."""
        try:
            found = (await services.control.call("metrics", {}, _SECONDS))["text"].encode()
        except (AsterismError, HttpProblem):
            found = b""
        up = Measure("asterism_up", "Whether `asterism run` works.", {}, bool(found))
        return Response(services.meter.text([up]) + found, media_type=_MEDIA)

    return [shown]
