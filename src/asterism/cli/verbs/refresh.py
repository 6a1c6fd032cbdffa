"""`asterism refresh`: bring models up to date that were edited, that the clock calls for, or that were held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.errors import UsageError
from asterism.project.nearest import suggestion


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, refresh)


def refresh(
    context: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Models to recompute with --full; all without.", autocompletion=complete.models),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Recompute in full, and compare with what stands.")] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Bring models up to date without asking a source.

    Those that were edited, that the clock calls for, or that were held.

    - `asterism refresh` after editing a model
    - `asterism refresh dim_staff --full`
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "refresh", work, {"models": models or [], "full": full or bool(models)})
    if chosen.json:
        show.as_json(result)
    else:
        changes(result)
        show.remark(f"{show.counted(len(result['refreshed']), 'table')} refreshed, {result['seconds']:.2f} s")
    if result["held"]:
        raise typer.Exit(1)


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Refresh; recompute `models`, or all, where `full`."""
    from asterism.run.rebuild import refresh as refresh_once

    for name in arguments["models"]:
        if name not in desk.project.models:
            raise UsageError(name, "is not a model of this platform", suggestion(name, desk.project.models))
    return described(refresh_once(desk.warehouse, only=tuple(arguments["models"]), full=arguments["full"]))


def described(done: Any) -> dict[str, Any]:
    """What a refresh did, as JSON values."""
    return {
        "refreshed": [
            {
                "table": each.table,
                "removed": each.removed,
                "added": each.added,
                "how": each.how,
                "seconds": round(each.seconds, 6),
            }
            for each in done.refreshed
        ],
        "held": [{"model": model, "reason": reason} for model, reason in done.held],
        "notices": [*done.notices],
        "seconds": round(done.seconds, 6),
    }


def changes(each: Mapping[str, Any]) -> None:
    """Show what a pull or a refresh did to the models."""
    if each["refreshed"]:
        rows = [[r["table"], r["how"], r["removed"], r["added"], f"{r['seconds']:.3f}"] for r in each["refreshed"]]
        show.table(["table", "how", "removed", "added", "seconds"], rows, numeric=frozenset({2, 3, 4}))
    for notice in each["notices"]:
        show.remark(f"note: {notice}")
    for held in each["held"]:
        show.remark(f"held: {held['model']}: {held['reason']}")
