"""The Litestar application: everything but the ingest path."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, cast

from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from asterism.errors import AsterismError, UsageError
from asterism.http.asgi import Scope
from asterism.http.describe import describe
from asterism.http.events import events
from asterism.http.health import health
from asterism.http.metrics import metrics
from asterism.http.models import models
from asterism.http.operate import quarantine, simulate
from asterism.http.overview import overview
from asterism.http.pages import pages
from asterism.http.problem import GUARDED, HttpProblem
from asterism.http.services import Services
from asterism.http.session import session
from asterism.http.views import views

_log = logging.getLogger(__name__)
_CLOSED = "admin"
"""What a route needs that does not say what it needs."""


def framework(services: Services, body_limit: int) -> Litestar:
    """Make it."""
    project = services.project

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get("counted", True):
            scope = cast("Scope", connection.scope)
            needed = handler.opt.get("needs", _CLOSED)
            scope["state"]["token"] = services.access.admit(scope, dict(scope["headers"]), needed)

    return Litestar(
        [
            *views(services),
            *events(services),
            *models(services),
            *quarantine(services),
            *simulate(services),
            *health(services),
            *metrics(services),
            *describe(project),
            *session(services),
            *overview(services),
            *pages(services),
        ],
        guards=[guard],
        exception_handlers={
            HttpProblem: _answer,
            HTTPException: _translated,
            AsterismError: _failed,
            RecursionError: _too_deep,
            Exception: _fault,
        },
        request_max_body_size=body_limit,
        response_headers={name.decode(): value.decode() for name, value in GUARDED},
        openapi_config=OpenAPIConfig(
            title=project.name,
            version=version("asterism"),
            description=f"The platform {project.name} on stage {project.stage.name}.",
            use_handler_docstrings=True,
            path="/-/openapi",
            render_plugins=[JsonRenderPlugin()],
        ),
        logging_config=None,
        debug=False,
    )


def _answer(_request: Request[Any, Any, Any], problem: HttpProblem) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in GUARDED} | dict(problem.headers)
    return Response(problem.body(), status_code=problem.status, headers=headers, media_type="application/problem+json")


def _translated(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework itself refuses: unknown paths and methods, parameters and bodies that do not fit."""
    more: Mapping[str, Any] = {"errors": error.extra} if error.extra else {}
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
    return _answer(request, HttpProblem(error.status_code, detail, headers=error.headers, more=more))


def _failed(request: Request[Any, Any, Any], error: AsterismError) -> Response[bytes]:
    if isinstance(error, UsageError):
        return _answer(request, HttpProblem(400, f"{error.subject}: {error.fact}. {error.remedy}".strip()))
    _log.warning("%s: %s", error.subject, error.fact)
    return _answer(request, HttpProblem(503, f"{error.subject}: {error.fact}", headers={"Retry-After": "5"}))


def _too_deep(request: Request[Any, Any, Any], _error: RecursionError) -> Response[bytes]:
    return _answer(request, HttpProblem(400, "The body is nested too deeply."))


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("a fault in answering %s", request.url.path, exc_info=error)
    return _answer(request, HttpProblem(500, "A fault of the server's own; its output tells more."))
