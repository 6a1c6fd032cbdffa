"""`asterism reset`: forget everything on a stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, YesOption, add, common, confirm
from asterism.cli.desk import Desk, Progress, perform
from asterism.declare.stage import Stage
from asterism.errors import UsageError
from asterism.project.load import load
from asterism.wire import vault


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, reset)


def reset(
    context: typer.Context,
    yes: YesOption = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Forget everything on a stage.

    Drops what Asterism made in the warehouse, and deletes its batches in the lake, the log of the streams and the live
    views. Sources and tokens are left alone.

    Asks for the stage's name first. Refused in production, and while `asterism run` works on the stage.
    """
    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, vault=vault)
    _confirm(loaded.stage, yes)
    result = perform(chosen, "reset", work, {}, alone=True, project=loaded)
    if chosen.json:
        show.as_json(result)
    else:
        show.remark(f"stage {loaded.stage.name} is empty: {result['objects']} objects deleted from the lake")


def work(desk: Desk, _arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Empty the log, the warehouse, then the lake: dying in between leaves what a second `reset` finishes."""
    from asterism.run.rebuild import empty

    desk.wiring.forget()
    if desk.wiring.stands():
        warehouse = desk.warehouse
        warehouse.ledger.prepare()
        with warehouse.session.transaction():
            empty(warehouse)
    lake = desk.wiring.lake()
    return {"stage": desk.project.stage.name, "objects": lake.delete("raw") + lake.delete("processed")}


def _confirm(stage: Stage, yes: str | None) -> None:
    if stage.production:
        remedy = "Choose another stage, or drop its warehouse with the database's own tools."
        raise UsageError(f"stage {stage.name}", "is production and is never reset", remedy)
    confirm("reset", stage.name, yes, f"This empties {stage.warehouse}")
