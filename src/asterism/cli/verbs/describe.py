"""`asterism describe`: what a model, a query or a stream is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, describe)


def describe(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model, a query, a stream, or a source's table.", autocompletion=complete.described
        ),
    ],
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Describe a model, a query, a stream or a table.

    Its columns with types, comments, and the columns they are made from; how it is kept current, and why so; what it
    reads, what reads it; its rows, and how fresh they are.

    - `asterism describe dim_staff`
    """
    chosen = common(context, project, stage, as_json, debug)
    found = perform(chosen, "describe", work, {"name": name})
    if chosen.json:
        show.as_json(found)
        return
    columns = [[each["name"], each["type"], ", ".join(each["upstream"]), each["comment"]] for each in found["columns"]]
    show.table(["column", "type", "made from", "comment"], columns, title=f"{found['name']}, a {found['kind']}")
    for label, text in _facts(found):
        typer.echo(f"{label}: {text}")


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    history = ", every version kept" if found["history"] else ""
    parameters = [f"{name} {kind}{'' if text is None else f' = {text}'}" for name, kind, text in found["parameters"]]
    state = found["state"] + (f": {found['error']}" if found["error"] else "")
    told = {
        "is": found["description"],
        "key": ", ".join(found["key"]) + history,
        "kept": found["maintenance"],
        "rows lie": f"{found['layout']} (on BigQuery)" if found["layout"] else "",
        "state": state,
        "refreshed": (found["refreshed_at"] or "").replace("T", " "),
        "rows": "" if found["rows"] is None else f"{found['rows']:,}",
        "parameters": ", ".join(parameters),
        "reads": ", ".join(found["inputs"]),
        "read by": ", ".join(found["dependents"]),
    }
    return [(label, text) for label, text in told.items() if text]


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """Describe `name`; empty: every model, and every table behind them."""
    import msgspec

    from asterism.run.describe import describe as one
    from asterism.run.describe import describe_all

    name: str = arguments["name"]
    if not name:
        return msgspec.to_builtins(describe_all(desk.warehouse, desk.project))
    return msgspec.to_builtins(one(desk.warehouse, desk.project, name))
