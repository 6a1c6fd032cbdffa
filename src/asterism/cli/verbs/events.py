"""`asterism events`: stored events, by key and time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.errors import UsageError
from asterism.project.nearest import suggestion


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, events)


def events(
    context: typer.Context,
    stream: Annotated[
        str, typer.Argument(metavar="STREAM", help="A stream that is stored.", autocompletion=complete.streams)
    ],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Whose events: a value of the stream's key.")],
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Not those before it.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only those before it.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show events of one key from the event store, in the order of their times.

    With what views wrote beside them. Times are ISO 8601, in UTC unless they say otherwise.

    - `asterism events accesses --key door-3 --since 2019-08-05 --until 2019-08-06`
    """
    chosen = common(context, project, stage, as_json, debug)
    asked = {"stream": stream, "key": key, "since": since, "until": until, "limit": limit}
    result = perform(chosen, "events", work, asked)
    if chosen.json:
        show.as_json(result)
        return
    families = [name for name in result["families"] if any(name in each for each in result["items"])]
    rows = [
        [each["at"], each["id"], *(json.dumps(each.get(name, {}), ensure_ascii=False) for name in families)]
        for each in result["items"]
    ]
    show.table(["at", "id", *families], rows)


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """Read events of `stream`. Raises UsageError for a stream that is not stored, and for what is no time."""
    from asterism.run.store import as_json, read

    known = {each.stream.name: each for each in desk.project.platform.storings}
    events, name = desk.wiring.events(desk.project), arguments["stream"]
    if name not in known or events is None:
        remedy = (
            suggestion(name, known) or "Declare it in platform.py with platform.store, and name a store in the stage."
        )
        raise UsageError(name, f"is no stream that is stored on {desk.project.stage.name}", remedy)
    since, until = (_time(arguments[each]) for each in ("since", "until"))
    found = read(events, known[name], arguments["key"], since, until, arguments["limit"])
    return {"families": [*desk.project.families], "items": [as_json(each) for each in found]}


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(text or "''", "is no time", "Write it as ISO 8601 does: 2019-08-05T14:00, say.") from error
