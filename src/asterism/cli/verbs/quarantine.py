"""`asterism quarantine`: what could not be taken, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import Common, DebugOption, JsonOption, ProjectOption, StageOption, common, shown
from asterism.cli.desk import Desk, Progress, perform
from asterism.errors import UsageError

_HELP = """\
Look after what could not be taken.

Records that do not fit, and those on which a transform fails, are kept as they came, with the reason.

- `asterism quarantine list`
- `asterism quarantine show ID`      the reason, and the record as it came
- `asterism quarantine replay ID…`   after a fix: try again where it was refused
- `asterism quarantine drop ID…`
"""

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Items, as `list` shows them.")]
Every = Annotated[bool, typer.Option("--all", help="Every item.")]
StreamChoice = Annotated[
    str,
    typer.Option(
        "--stream", metavar="NAME", help="Only what was meant for this stream.", autocompletion=complete.streams
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(no_args_is_help=True, help=shown(_HELP), rich_markup_mode=None)
    for name, verb in (("list", list_items), ("show", show_item), ("replay", replay), ("drop", drop)):
        group.command(name)(verb)
    app.add_typer(group, name="quarantine")


def list_items(
    context: typer.Context,
    stream: StreamChoice = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the latest first.")] = 100,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what is in quarantine, the latest first."""
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "quarantine", work, {"action": "list", "stream": stream, "limit": limit})
    if chosen.json:
        show.as_json(result)
        return
    rows = [[i["id"], i["at"], i["stream"], i["place"], i["reason"]] for i in result["items"]]
    show.table(["id", "at", "stream", "refused by", "reason"], rows)
    show.remark(f"{len(rows)} item{'' if len(rows) == 1 else 's'}")


def show_item(
    context: typer.Context,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An item, as `list` shows it.")],
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show one item: the reason, and the record as it came."""
    chosen = common(context, project, stage, as_json, debug)
    item = perform(chosen, "quarantine", work, {"action": "show", "id": identifier})
    if chosen.json:
        show.as_json(item)
        return
    for name in ("id", "at", "stream", "place", "reason", "record_id", "encoding"):
        show.remark(f"{name.replace('_', ' ')}: {item[name]}")
    typer.echo(item["body"])


def replay(
    context: typer.Context,
    identifiers: Ids = None,
    every: Every = False,
    stream: StreamChoice = "",
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let items try again where they were refused, by the declarations as they are now."""
    chosen = common(context, project, stage, as_json, debug)
    result = _several(chosen, "replay", identifiers, every=every, stream=stream)
    if chosen.json:
        show.as_json(result)
    else:
        show.remark(f"{len(result['taken'])} taken, {len(result['refused'])} refused again")
        for each in result["refused"]:
            show.remark(f"{each['id']}: {each['reason']}")
    if result["refused"]:
        raise typer.Exit(1)


def drop(
    context: typer.Context,
    identifiers: Ids = None,
    every: Every = False,
    stream: StreamChoice = "",
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let items go for good."""
    chosen = common(context, project, stage, as_json, debug)
    result = _several(chosen, "drop", identifiers, every=every, stream=stream)
    if chosen.json:
        show.as_json(result)
    else:
        show.remark(f"{result['dropped']} dropped")


def _several(chosen: Common, action: str, identifiers: list[str] | None, *, every: bool, stream: str) -> Any:
    if bool(identifiers) == (every or bool(stream)):
        raise UsageError(f"quarantine {action}", "does not say which items", "Name them, or give --all or --stream.")
    arguments = {"action": action, "ids": identifiers or [], "stream": stream, "all": every}
    return perform(chosen, "quarantine", work, arguments)


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """`action` is list, show, replay or drop."""
    from dataclasses import asdict

    from asterism.run.review import Review
    from asterism.run.values import as_json

    if arguments["action"] == "list" and not desk.project.takes_records:
        return {"items": []}
    desk.writer.step()  # what was refused a moment ago stands in the log
    review = Review(desk.warehouse, desk.streams, desk.project.platform.transforms, desk.wiring.log())
    action, stream = arguments["action"], arguments.get("stream", "")
    if action == "list":
        items = review.items(stream, int(arguments.get("limit", 100)))
        return {"items": [as_json(asdict(item)) for item in items]}
    if action == "show":
        return as_json(asdict(review.item(arguments["id"])))
    identifiers = list(arguments.get("ids") or ([arguments["id"]] if "id" in arguments else []))
    if not identifiers and (stream or arguments.get("all")):
        identifiers = [item.id for item in review.items(stream, _MOST)]
    if action == "drop":
        return {"dropped": review.drop(identifiers)}
    done = review.replay(identifiers)
    desk.writer.step()
    return {"taken": [*done.taken], "refused": [{"id": name, "reason": reason} for name, reason in done.refused]}


_MOST = 10_000
"""Items that `--all` takes at once."""
