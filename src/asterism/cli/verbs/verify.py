"""`asterism verify`: compare what is stored with what the models say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, verify)


def verify(
    context: typer.Context,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    source: Annotated[bool, typer.Option("--source", help="Pull, and compare every row with the sources too.")] = False,
) -> None:
    """Compare what is stored with the models.

    Recomputes every model in full and compares both ways. Changes nothing; with --source it pulls first, and reads
    every source whole.

    Exit code 1 where there is any difference, and where a model is held, which cannot be compared.
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "verify", work, {"source": source})
    if chosen.json:
        show.as_json(result)
    else:
        wrong = [t for t in result["tables"] if t["missing"] or t["unexpected"] or t["history"]]
        if wrong:
            rows = [[t["table"], t["missing"], t["unexpected"], t["history"]] for t in wrong]
            show.table(["table", "missing", "unexpected", "history"], rows, numeric=frozenset({1, 2, 3}))
        differences = show.counted(result["differences"], "difference")
        typer.echo(f"{differences} in {show.counted(len(result['tables']), 'table')}")
        for held in result["held"]:
            show.remark(f"not compared: {held['model']} is held: {held['reason']}")
    if result["differences"] or result["held"]:
        raise typer.Exit(1)


def work(desk: Desk, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Count the differences of each table."""
    from asterism.run.verify import Difference
    from asterism.run.verify import verify as compare
    from asterism.run.verify_source import verify_source as compare_source

    found: tuple[Difference, ...] = ()
    if arguments.get("source"):
        for declared in desk.pulls([]):
            found += compare_source(desk.warehouse, declared, desk.source(declared), progress=progress)
    found += compare(desk.warehouse, progress=progress)
    tables = [
        {"table": each.table, "missing": each.missing, "unexpected": each.unexpected, "history": each.history}
        for each in found
        if not each.held
    ]
    held = [{"model": each.table, "reason": each.held} for each in found if each.held]
    return {"differences": sum(each.count for each in found), "tables": tables, "held": held}
