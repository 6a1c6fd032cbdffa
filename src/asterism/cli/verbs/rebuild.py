"""`asterism rebuild`: an equal warehouse from the lake alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.cli.verbs.refresh import changes, described


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, rebuild)


def rebuild(
    context: typer.Context,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make the warehouse anew from the lake.

    From the batches that were landed, versions and all; no source is asked.

    One transaction: until it ends, what stood before stands. Not while `asterism run` works on the stage.
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "rebuild", work, {}, alone=True)
    if chosen.json:
        show.as_json(result)
    else:
        changes(result)
        show.remark(f"the warehouse is rebuilt, {result['seconds']:.2f} s")
    if result["held"]:
        raise typer.Exit(1)


def work(desk: Desk, _arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Rebuild from all sources' batches."""
    from asterism.run.quarantine import set_aside
    from asterism.run.rebuild import rebuild as replay
    from asterism.run.streams import SOURCE

    sources = tuple(pull.into for pull in desk.project.pulls)
    if desk.project.takes_records:
        sources = (*sources, SOURCE)
        log = desk.wiring.log()
        desk.streams.refuse = lambda items: set_aside(log, items)
    return described(replay(desk.warehouse, sources, progress=progress))
