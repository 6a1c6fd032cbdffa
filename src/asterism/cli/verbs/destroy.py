"""`asterism destroy`: what was deployed goes; data stays, unless it is told to go."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, YesOption, add, common, confirm
from asterism.cli.verbs.deploy import PATIENCE
from asterism.cli.verbs.plan import workshop
from asterism.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, destroy)


def destroy(
    context: typer.Context,
    with_data: Annotated[bool, typer.Option("--with-data", help="Streams, tables, buckets and secrets too.")] = False,
    yes: YesOption = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Destroy what was deployed.

    Asks for the stage's name. What holds data stays, and a later deploy goes on with it: --with-data destroys that as
    well. Production is destroyed with its data or not at all.
    """
    from asterism.deploy.execute import Terraform
    from asterism.deploy.hold import held
    from asterism.deploy.plan import plan as think
    from asterism.deploy.plan import write
    from asterism.deploy.remain import remaining

    chosen = common(context, project, stage, as_json, debug)
    planned = think(chosen.root(), chosen.stage, os.environ)
    graph = planned.graph
    left = remaining(planned.design)
    kept = [each for each in left.resources if each.keeps]
    if graph.production and not with_data:
        fact = "is production, and is destroyed with its data or not at all"
        raise UsageError(f"stage {graph.stage}", fact, "Add --with-data, if that is meant.")
    going = f"{len(kept)} resources that hold data" if with_data else "functions and all else that holds no data"
    confirm("destroy", graph.stage, yes, f"This destroys {going}")
    folder = workshop(chosen.root(), graph.stage)
    with held(folder, "destroy", graph.stage, PATIENCE):
        write(replace(planned, design=left), folder, protect=not with_data)
        terraform = Terraform(folder, (lambda _: None) if chosen.json else show.remark)
        terraform.init()
        terraform.apply()
        if with_data:
            terraform.destroy()
    stays = [] if with_data else [each.address for each in kept]
    if chosen.json:
        show.as_json({"stage": graph.stage, "kept": stays})
    else:
        show.remark(f"stage {graph.stage} is destroyed" + (f"; {len(stays)} resources hold its data" if stays else ""))
