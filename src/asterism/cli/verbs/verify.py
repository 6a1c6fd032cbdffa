"""`asterism verify`: compare what is stored with what the models say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
) -> None:
    """Compare what is stored with the models.

    Recomputes every model in full and compares both ways. Changes nothing.

    Exit code 1 where there is any difference.
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "verify", work, {})
    if chosen.json:
        show.as_json(result)
    else:
        wrong = [t for t in result["tables"] if t["missing"] or t["unexpected"] or t["history"]]
        if wrong:
            rows = [[t["table"], t["missing"], t["unexpected"], t["history"]] for t in wrong]
            show.table(["table", "missing", "unexpected", "history"], rows, numeric=frozenset({1, 2, 3}))
        typer.echo(f"{result['differences']} differences in {len(result['tables'])} tables")
    if result["differences"]:
        raise typer.Exit(1)


def work(desk: Desk, _arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Count the differences of each table."""
    from asterism.run.verify import verify as compare

    found = compare(desk.warehouse, progress=progress)
    tables = [
        {"table": each.table, "missing": each.missing, "unexpected": each.unexpected, "history": each.history}
        for each in found
    ]
    return {"differences": sum(each.count for each in found), "tables": tables}
