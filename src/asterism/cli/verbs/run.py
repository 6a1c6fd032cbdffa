"""`asterism run`: keep everything up to date until stopped, and serve other commands meanwhile."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import PATIENCE, Desk
from asterism.cli.running import Running
from asterism.cli.telemetry import Telemetry, form
from asterism.project.load import Project, load
from asterism.wire import vault

_USUAL = 8000


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, run)


def run(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", help="The address that the HTTP server listens on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Its port; 0: a free one.", show_default="8000")
    ] = None,
    no_http: Annotated[bool, typer.Option("--no-http", help="Start no HTTP server.")] = False,
    log_format: Annotated[
        str | None,
        typer.Option("--log-format", help="text or json.", show_default="text for a terminal", metavar="FORMAT"),
    ] = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Keep everything up to date until stopped.

    Takes in events by HTTP, keeps the live views, pulls every source by its schedule, and refreshes what is behind it,
    until Ctrl-C or SIGTERM.

    The HTTP server takes in events, answers queries, and shows the console; `asterism console` prints a link into it.
    Without --port it listens on 8000, or, where that is taken and the platform has no stream that others send to, on a
    free one.

    A source that fails is tried again, later each time, and stops no other. Edited models are taken up within seconds.
    Other commands go on working: they are carried out by this process. A second `run` on the stage is refused.
    What it does is told on stderr: in words, or as objects of JSON. With --json, an event a line on stdout.
    """
    from asterism.cli.memory import bound_memory
    from asterism.run.control import is_served
    from asterism.run.lock import StageLock
    from asterism.wire import Wiring

    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, whole=True, vault=vault)
    patience = 0 if is_served(Path(loaded.stage.state)) else PATIENCE
    with StageLock(loaded.stage, "run", wait=patience), Wiring(loaded.stage) as wiring:
        bound_memory()
        served = None if no_http else (host, _port(loaded, host) if port is None else port)
        with closing(Telemetry(loaded, form(log_format), as_json=chosen.json)) as telemetry:
            Running(Desk(loaded, wiring, telemetry.tracer), telemetry, served).work()


def _port(project: Project, host: str) -> int:
    from asterism.http.address import answers

    return _USUAL if project.platform.streams or not answers(host, _USUAL) else 0
