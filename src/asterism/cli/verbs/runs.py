"""`asterism runs`: what was done, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, runs)


def runs(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed, or left something behind.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the latest steps of work, the newest first.

    Pulls that found something, what came by streams, refreshes, publishes, reports, alerts, and whatever failed, with
    its error. Times are UTC; `--json` tells the parts of each with their seconds.
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "runs", work, {"limit": limit, "failed": failed})
    if chosen.json:
        show.as_json(result)
        return
    rows = [
        [
            r["started_at"],
            r["verb"],
            r["step"],
            r["status"],
            f"{r['seconds']:.3f}",
            r["removed"],
            r["added"],
            r["error"],
        ]
        for r in result["runs"]
    ]
    columns = ["at", "verb", "step", "status", "seconds", "removed", "added", "error"]
    show.table(columns, rows, numeric=frozenset({4, 5, 6}))


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """The runs that the ledger knows."""
    from dataclasses import asdict

    from asterism.run.overview import runs as read
    from asterism.run.values import as_json

    found = read(desk.warehouse, arguments["limit"], failed=arguments["failed"])
    return {"runs": [as_json(asdict(each)) for each in found]}
