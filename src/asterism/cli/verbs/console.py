"""`asterism console`: a way into the console of a running platform, and what the console asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress
from asterism.declare.duration import duration
from asterism.errors import UsageError
from asterism.project.load import load

_NAME = "console"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, console)


def console(
    context: typer.Context,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="What may be done with it; repeatable.", show_default="admin"),
    ] = None,
    expires: Annotated[str, typer.Option("--expires", metavar="DURATION", help="How long it lets in.")] = "12h",
    opens: Annotated[bool, typer.Option("--open", help="Open it in the browser as well.")] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Print a link that leads into the console of the running platform.

    It carries a token that is made for it and lasts for some hours; `asterism token list` shows it, and
    `asterism token revoke` ends it, together with every session that it has opened.

    - `asterism console --open`
    - `asterism console --scope read --scope sql --expires 1h` for a colleague who may look and ask
    """
    from asterism.run import control
    from asterism.run.tokens import Tokens

    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage)
    folder = Path(loaded.stage.state)
    client = control.connect(folder)
    if client is None:
        raise UsageError("console", "nobody serves it", "Start `asterism run`, and leave it running.")
    address: str = client.call("address", {}, lambda _step, _done, _total: None)
    if not address:
        raise UsageError("console", "`asterism run` was started with --no-http", "Start it without that.")
    try:
        lasting = duration(expires)
    except ValueError as error:
        raise UsageError(_NAME, f"--expires: {error}", "Write 12h or 30m, say.") from error
    text, token = Tokens(folder).create(tuple(scope or ("admin",)), _NAME, lasting)
    # Behind the #, which a browser sends to nobody: no log, no proxy and no referrer ever has it.
    link = f"{address}/#token={text}"
    if opens:
        typer.launch(link)
    if chosen.json:
        show.as_json({"url": link, "token": token.id, "expires": expires})
    else:
        typer.echo(link)
        show.remark(f"it lets in for {expires}; `asterism token revoke {token.id}` ends that")


def overview(desk: Desk, _arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """How everything stands: what `status` shows, what flowed lately, and what asks for attention."""
    from dataclasses import asdict

    from asterism.cli.verbs import alerts, status
    from asterism.run.overview import flows
    from asterism.run.values import as_json

    incidents = alerts.work(desk, {"limit": 50}, _progress)["incidents"]
    return {
        **status.work(desk, {}, _progress),
        "flows": [as_json(asdict(each)) for each in flows(desk.warehouse)],
        "incidents": [each for each in incidents if each["over_at"] is None],
    }


def catalog(desk: Desk, _arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """What the warehouse holds: tables, columns, keys and references."""
    import msgspec

    from asterism.run.overview import catalog as read

    return {"tables": msgspec.to_builtins(read(desk.warehouse, desk.project))}
