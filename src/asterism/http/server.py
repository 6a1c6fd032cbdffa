"""The server of one stage, in this process: one event loop, one thread that appends to the log."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from asterism.errors import UsageError
from asterism.http.access import Access
from asterism.http.address import answers
from asterism.http.answers import Answers
from asterism.http.app import application, nothing
from asterism.http.append import Appender
from asterism.http.asgi import App
from asterism.http.asking import Asker
from asterism.http.body import SECONDS, Bodies
from asterism.http.changes import HEARTBEAT, Changes
from asterism.http.control import Control
from asterism.http.framework import framework
from asterism.http.ingest import Ingest
from asterism.http.queries import Queries
from asterism.http.rates import Rates
from asterism.http.services import Services
from asterism.http.sessions import Sessions
from asterism.http.sql import Sql
from asterism.http.tracing import traced
from asterism.instruments import meter as meter_of
from asterism.ports.events import Events
from asterism.ports.log import Log
from asterism.ports.meter import Meter
from asterism.ports.state import State
from asterism.ports.tracer import Tracer
from asterism.project.load import Project
from asterism.run.collect import Collector
from asterism.run.tokens import Tokens

if TYPE_CHECKING:
    from granian.server.embed import Server

_BACKLOG = 4096
_HEADERS_SECONDS = 10
_PROBE = "_http"
_ROOTS = (
    "streams",
    "sns",
    "queries",
    "sql",
    "views",
    "events",
    "models",
    "quarantine",
    "simulate",
    "health",
    "ready",
    "metrics",
)


class HttpServer:
    """Serves until `stop`. Made and used in one event loop; `log` and `states` are used from several threads."""

    def __init__(  # noqa: PLR0913 - all but the first four go by their names
        self,
        project: Project,
        log: Log,
        collector: Collector,
        states: State,
        *,
        events: Events | None = None,
        body_seconds: float = SECONDS,
        heartbeat: float = HEARTBEAT,
        meter: Meter | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        stage = project.stage
        self._log = log
        self._large = ThreadPoolExecutor(1, "large-bodies")
        tokens = Tokens(Path(stage.state))
        access = Access(tokens, Rates(stage.rate_limit), Sessions(Path(stage.state), tokens))
        self._appender = Appender(collector, asyncio.get_running_loop())
        self._changes = Changes(states, heartbeat)
        self._probes = 0
        bodies = Bodies(stage.body_limit, body_seconds)
        control = Control(Path(stage.state))
        counts = meter or meter_of("asterism_http")
        services = Services(project, access, states, self._changes, control, counts, self._probe, log, events)
        self._asker = Asker(Path(stage.state))
        answers = Answers(self._asker)
        streams = project.platform.streams
        app = application(
            Ingest(streams, access, bodies, self._appender, self._large),
            self._sns(project, tokens),
            Queries(project, access, answers),
            Sql(access, bodies, answers),
            cast("App", framework(services, stage.body_limit)),
            stage.cors,
        )
        named = {each.name for each in streams} | {each.name for each in project.platform.views}
        self.app = traced(app, tracer or counts, named | {*project.queries, *project.models}, _ROOTS)
        self._server: Server | None = None

    async def serve(self, host: str, port: int, listening: Callable[[int], None]) -> None:
        """Serve, and return once stopped and every request that was taken is answered.

        Port 0 is one that is free; `listening` is told which. Raises UsageError where the address cannot be had.
        """
        from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415 - a function is called, and serves nothing
        from granian.http import HTTP1Settings  # noqa: PLC0415
        from granian.server.embed import Server  # noqa: PLC0415

        with _reserved(host, port) as number:
            self._server = Server(
                self.app,
                host,
                number,
                interface=Interfaces.ASGINL,
                http=HTTPModes.auto,
                http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_SECONDS * 1000),
                websockets=False,
                backlog=_BACKLOG,
                log_enabled=False,
            )
            self._server.on_startup(lambda: listening(number))
            await self._server.serve()
        self.close()

    def close(self) -> None:
        """Let go of what an application that was not served holds."""
        self._large.shutdown()
        self._asker.close()

    def stop(self) -> None:
        """Take nothing new; what was taken is answered."""
        self._changes.stop()
        if self._server is not None:
            self._server.stop()  # type: ignore[no-untyped-call]  # Granian leaves it untyped

    def _probe(self) -> None:
        """Write to the log, and nothing into it: the position of a reader of nothing."""
        self._probes += 1
        self._log.commit(_PROBE, "http", {"": self._probes})

    def _sns(self, project: Project, tokens: Tokens) -> App:
        if not project.platform.endpoints:
            return nothing
        from asterism.http.sns import SnsApp  # noqa: PLC0415 - cryptography is slow to import, and few need it

        return SnsApp(project.platform.endpoints, self._appender, tokens)


@contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Hold an address until the server has it: a free port is not given away in between, and a taken one is told.

    Granian shares its port, as a restart needs while connections of before are being forgotten. So a second server
    would be let in beside the first, and it is asked for.
    """
    subject, remedy = f"the address {host}:{port}", "Stop what listens there, or give another --port."
    if port and answers(host, port):
        raise UsageError(subject, "is taken", remedy)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            shared.bind((host, port))
        except OSError as error:
            fact = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror or error}"
            raise UsageError(subject, fact, remedy) from error
        yield shared.getsockname()[1]
