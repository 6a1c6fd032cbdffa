"""`asterism plan`: what a stage's deployment consists of, and what it would change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import Common, DebugOption, JsonOption, ProjectOption, StageOption, add, common

if TYPE_CHECKING:
    from asterism.deploy.compare import Changes
    from asterism.deploy.plan import Planned


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, plan)


def plan(
    context: typer.Context,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the cloud, through Terraform.")] = False,
    picture: Annotated[bool, typer.Option("--draw", help="Draw it as Mermaid.")] = False,
    wheels: Annotated[Path | None, typer.Option("--wheels", metavar="DIR", help="Libraries for the functions.")] = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what a deployment consists of.

    Each function with what starts it and what it may do, each resource with the declaration that it is made for, and
    what would be made, changed and destroyed. Needs no credentials and no network, but for --refresh.

    - `asterism plan --stage aws`
    - `asterism plan --stage aws --json`
    - `asterism plan --stage aws --draw`
    """
    from asterism.deploy.draw import mermaid
    from asterism.deploy.explain import as_json as told
    from asterism.deploy.plan import plan as think

    chosen = common(context, project, stage, as_json, debug)
    planned = think(chosen.root(), chosen.stage, os.environ, wheels=wheels)
    if picture:
        typer.echo(mermaid(planned.graph), nl=False)
        return
    result = told(planned.graph, planned.design, compared(chosen, planned, refresh=refresh))
    if chosen.json:
        show.as_json(result)
    else:
        _show(result)


def workshop(root: Path, stage: str) -> Path:
    """Where Terraform works for a stage; its state is there unless the settings say where else."""
    return root.absolute() / ".asterism" / "deploy" / stage


def compared(chosen: Common, planned: Planned, *, refresh: bool) -> Changes:
    """What would change."""
    from asterism.deploy.compare import with_folder, with_terraform
    from asterism.deploy.execute import Terraform
    from asterism.deploy.plan import write

    folder = workshop(chosen.root(), planned.graph.stage)
    if not refresh:
        return with_folder(planned.design, folder)
    write(planned, folder)
    terraform = Terraform(folder)
    terraform.init()
    return with_terraform(terraform.planned())


def _show(result: dict[str, Any]) -> None:
    rows = [
        [each["name"], "\n".join(each["started_by"]), each["purpose"], each["declared"]] for each in result["functions"]
    ]
    show.table(["function", "started by", "what it does", "declared"], rows)
    rows = [
        [each["name"], grant["why"], "\n".join(grant["actions"]), "\n".join(grant["resources"])]
        for each in result["functions"]
        for grant in each["permissions"]
    ]
    show.table(["function", "may", "by", "on"], rows)
    rows = [
        [each["change"], each["address"], each["purpose"], "data" if each["keeps_data"] else "", each["declared"]]
        for each in result["resources"]
    ]
    show.table(["", "resource", "what it is", "", "declared"], rows)
    for address in result["destroyed"]:
        show.remark(f"destroy: {address}")
    for note in result["notes"]:
        show.remark(note)
    counts = {change: sum(each["change"] == change for each in result["resources"]) for change in _CHANGES}
    told = ", ".join(f"{count} to {change}" for change, count in counts.items() if count)
    show.remark(f"{told}, {len(result['destroyed'])} to destroy; compared with {result['compared_with']}")
    if result["secrets"]:
        show.remark(f"secrets to be given a value: {', '.join(each['name'] for each in result['secrets'])}")


_CHANGES = ("make", "change", "replace", "keep")
