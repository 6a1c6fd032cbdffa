"""`asterism view`: live views, seen and mended."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, common, shown
from asterism.cli.desk import Desk, Progress, perform
from asterism.declare.view import View
from asterism.errors import UsageError
from asterism.project.nearest import suggestion

_HELP = """\
Look at the live views, and mend them.

- `asterism view show occupancy`
- `asterism view skip occupancy RECORD`   go on behind a record at which the view stands still
- `asterism view rebuild occupancy`       fold all that was landed anew, after the function was changed
"""

Name = Annotated[str, typer.Argument(metavar="NAME", help="A view of the platform.", autocompletion=complete.views)]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(no_args_is_help=True, help=shown(_HELP), rich_markup_mode=None)
    for name, verb in (("show", show_view), ("skip", skip), ("rebuild", rebuild)):
        group.command(name)(verb)
    app.add_typer(group, name="view")


def show_view(
    context: typer.Context,
    name: Name,
    key: Annotated[str | None, typer.Option("--key", help="Only the states of this key.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the states of a view, by key."""
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "view", work, {"action": "show", "name": name, "key": key, "limit": limit})
    if chosen.json:
        show.as_json(result)
        return
    rows = [[i["key"], i.get("window", ""), json.dumps(i["value"], ensure_ascii=False)] for i in result["items"]]
    show.table(["key", "window", "value"], rows)
    if result["stopped"]:
        error = result["stopped"]["error"]
        line = f" ({error['line']})" if error["line"] else ""
        where = f" at record {result['stopped']['id']}" if result["stopped"]["id"] else ""
        show.remark(f"stands still{where}: {error['type']}: {error['message']}{line}")


def skip(
    context: typer.Context,
    name: Name,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The id of the record to pass over.")],
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Have a view pass over a record, at which it stands still."""
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "view", work, {"action": "skip", "name": name, "record": record})
    if chosen.json:
        show.as_json(result)
    else:
        show.remark(f"{name} passes over {record}")


def rebuild(
    context: typer.Context,
    name: Name,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Fold all that was landed anew. What stood before stands until the end."""
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "view", work, {"action": "rebuild", "name": name})
    if chosen.json:
        show.as_json(result)
    else:
        show.remark(f"{name}: {result['records']} records folded")


def work(desk: Desk, arguments: Mapping[str, Any], progress: Progress) -> Any:
    """`action` is show, skip or rebuild."""
    from asterism.run.view import skip as pass_over

    views = {each.name: each for each in desk.project.platform.views}
    view = views.get(arguments["name"])
    if view is None:
        raise UsageError(arguments["name"], "is not a view of this platform", suggestion(arguments["name"], views))
    states = desk.wiring.states()
    if arguments["action"] == "skip":
        pass_over(states, view, arguments["record"])
        return {"view": view.name, "skipped": arguments["record"]}
    if arguments["action"] == "rebuild":
        return {"view": view.name, "records": _rebuild(desk, view, progress)}
    header, _ = states.watch(view.name, 0, limit=0)
    items = [
        {"key": each.key, **({"window": each.window} if view.window else {}), "value": json.loads(each.value)}
        for each in states.scan(view.name, None, arguments["limit"], arguments["key"])
    ]
    return {"items": items, "stopped": header.note.get("stopped"), "offsets": dict(header.offsets)}


def rebuild_views(desk: Desk, streams: Collection[str]) -> None:
    """Fold the views over these streams anew."""
    for view in desk.project.platform.views:
        if view.stream.name in streams:
            _rebuild(desk, view, lambda *_: None)


def _rebuild(desk: Desk, view: View, progress: Progress) -> int:
    from asterism.run.records import Shape
    from asterism.run.refold import rebuild as fold_anew
    from asterism.run.store import beside

    lake, lines = desk.warehouse.lake, desk.streams.lines
    keys = [key for key in lake.list(f"raw/streams/{view.stream.name}/") if key.endswith(".ndjson.zst")]
    keys.sort(key=lambda key: key.rpartition("/")[2])  # by number, which is the order in which they were landed
    landed = (
        _told(progress, view.name, place, len(keys), lines.unpack(lake.get(key))) for place, key in enumerate(keys)
    )
    besides = beside(view, desk.project.platform.storings, desk.wiring.events(desk.project))
    return fold_anew(view, Shape(view.stream), landed, desk.wiring.log(), desk.wiring.states(), besides)


def _told(progress: Progress, name: str, done: int, total: int, lines: bytes) -> bytes:
    progress(f"folding {name}", done, total)
    return lines
