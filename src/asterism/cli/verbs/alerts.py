"""`asterism alerts`: who is told when something goes wrong, and of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, common, shown
from asterism.cli.desk import Desk, Progress, perform
from asterism.errors import AlertError, AsterismError, UsageError
from asterism.project.load import load
from asterism.wire import vault

_HELP = """\
Look after alerts: what `asterism run` tells the stage's addresses when something goes wrong, and when that is over.

- `asterism alerts test`   tell every address that this is a test
- `asterism alerts list`   the incidents: those that last, then the latest
"""


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(no_args_is_help=True, help=shown(_HELP), rich_markup_mode=None)
    group.command("test")(try_out)
    group.command("list")(listed)
    app.add_typer(group, name="alerts")


def try_out(
    context: typer.Context,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tell every address of the stage that this is a test. Exit code 1 where one does not take it."""
    from asterism.wire import Wiring

    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, vault=vault)
    title = f"[{loaded.name}/{loaded.stage.name}] a test"
    if not loaded.stage.alerts:
        remedy = 'Write alerts = ["mailto://…"] in its section of asterism.toml.'
        raise UsageError(f"the stage {loaded.stage.name}", "names nobody to be alerted", remedy)
    told, failures = [], []
    with Wiring(loaded.stage) as wiring:
        for address in loaded.stage.alerts:
            try:
                alerts = wiring.alerts(address)
                alerts.tell(title, "This is a test: alerts of the platform arrive here.\n", is_bad=False)
                told.append(alerts.name)
            except AsterismError as error:
                failures.append(f"{error.subject}: {error.fact}")
    if chosen.json:
        show.as_json({"told": told, "failed": failures})
    else:
        for name in told:
            show.remark(f"told {name}")
    if failures:
        raise AlertError("alerts", "; ".join(failures), "Correct `alerts` in asterism.toml.")


def listed(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the incidents: those that last first, then the latest."""
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "alerts", work, {"limit": limit})
    if chosen.json:
        show.as_json(result)
        return
    rows = [
        [each["kind"], each["subject"], each["since"], each["over_at"] or "lasts", each["fact"], each["remedy"]]
        for each in result["incidents"]
    ]
    show.table(["kind", "subject", "since", "until", "error", "what to do"], rows)
    show.remark(f"{len(rows)} incident{'' if len(rows) == 1 else 's'}")


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """The incidents that the ledger knows."""
    from asterism.run.incidents import read
    from asterism.run.values import as_json

    fields = ("kind", "subject", "fact", "remedy", "since", "last_good", "over_at")
    found = read(desk.warehouse.session, arguments["limit"])
    return {"incidents": [{name: as_json(getattr(each, name)) for name in fields} for each in found]}
