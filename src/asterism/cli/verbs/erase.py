"""`asterism erase`: remove what a person left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.cli.verbs.view import rebuild_views
from asterism.errors import UsageError
from asterism.project.nearest import suggestion


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, erase)


def erase(
    context: typer.Context,
    stream: Annotated[
        str,
        typer.Option(
            "--stream", metavar="NAME", help="The stream whose records are searched.", autocompletion=complete.streams
        ),
    ],
    where: Annotated[str, typer.Option("--where", metavar="CONDITION", help="What would stand after WHERE in SQL.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Remove records for good: a person's, say.

    From the log, the event store, the landing zone, the tables, the live views and the quarantine; with what transforms
    made of them, and what they were made from.

    - `asterism erase --stream users --where "last_name = 'Roe' and zip_code = '02169'"`
    """
    chosen = common(context, project, stage, as_json, debug)
    if not yes and not chosen.json:
        typer.confirm(f"Erase the records of {stream} where {where}?", abort=True, err=True)
    result = perform(chosen, "erase", work, {"stream": stream, "where": where})
    if chosen.json:
        show.as_json(result)
        return
    for name, count in result["records"].items():
        show.remark(f"{name}: {count} records erased")
    if not result["records"]:
        show.remark("no record meets that condition")
    for notice in result["notices"]:
        show.remark(f"note: {notice}")


def work(desk: Desk, arguments: Mapping[str, Any], progress: Progress) -> Any:
    """Erase the records of `stream` that meet `where`, and fold the views anew that knew them."""
    streams = {each.name: each for each in desk.project.platform.streams}
    chosen = streams.get(arguments["stream"])
    if chosen is None:
        raise UsageError(
            arguments["stream"], "is not a stream of this platform", suggestion(arguments["stream"], streams)
        )
    desk.catch_up()
    done = _eraser(desk, progress).where(chosen, arguments["where"])
    rebuild_views(desk, done.records)
    return {"records": done.records, "notices": done.notices}


def upkeep(desk: Desk) -> None:
    """Let go of what is past its time: in the log what all have read, and everywhere what is not to be kept."""
    from asterism.run.ledger import now
    from asterism.run.queues import consumers
    from asterism.run.streams import with_own

    platform, log = desk.project.platform, desk.wiring.log()
    for stream in with_own(platform.streams):
        kept = min(stream.retention, stream.keep or stream.retention)
        log.trim(stream.name, consumers(platform, stream.name), now() - kept)
    if any(stream.keep for stream in platform.streams):
        rebuild_views(desk, _eraser(desk, lambda *_: None).expired().records)


def _eraser(desk: Desk, progress: Progress) -> Any:
    from asterism.declare.stream import Transform
    from asterism.run.erase import Eraser

    platform = desk.project.platform
    # What a view tells of has ids like a transform's, and only those matter here.
    telling = [Transform(each.name, each.stream, each.into, each.initial) for each in platform.views if each.into]
    makers, log, storings = [*platform.transforms, *telling], desk.wiring.log(), desk.project.platform.storings
    return Eraser(desk.warehouse, desk.streams, makers, log, progress, storings, desk.wiring.events(desk.project))
