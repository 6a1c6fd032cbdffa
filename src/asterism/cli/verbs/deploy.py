"""`asterism deploy`: a stage, put where it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.verbs.plan import workshop

PATIENCE = 600.0
"""Seconds for which another deployment of the stage from here is waited for."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, deploy)


def deploy(
    context: typer.Context,
    write_only: Annotated[
        Path | None, typer.Option("--write-only", metavar="DIR", help="Write main.tf.json and packages, no more.")
    ] = None,
    wheels: Annotated[Path | None, typer.Option("--wheels", metavar="DIR", help="Libraries for the functions.")] = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Put a stage where its settings say.

    Checks everything, packages the platform, writes Terraform and applies it; prints the address of every endpoint.
    With --write-only it writes main.tf.json and the packages into DIR, for others to apply: that needs no credentials
    and no network. Secrets are named only; their values are put where the cloud keeps them, by hand.

    - `asterism deploy --stage aws`
    - `asterism deploy --stage aws --write-only infrastructure`
    """
    from asterism.deploy.execute import Terraform
    from asterism.deploy.hold import held
    from asterism.deploy.plan import plan as think
    from asterism.deploy.plan import write

    chosen = common(context, project, stage, as_json, debug)
    planned = think(chosen.root(), chosen.stage, os.environ, wheels=wheels)
    if write_only is not None:
        files = write(planned, write_only)
        _written(files, as_json=chosen.json)
        return
    folder = workshop(chosen.root(), planned.graph.stage)
    with held(folder, "deploy", planned.graph.stage, PATIENCE):
        write(planned, folder)
        terraform = Terraform(folder, (lambda _: None) if chosen.json else show.remark)
        terraform.init()
        terraform.apply()
        outputs = terraform.outputs()
    _told(planned.graph.stage, outputs, as_json=chosen.json)


def _written(files: list[Path], *, as_json: bool) -> None:
    if as_json:
        show.as_json({"files": [str(file) for file in files]})
        return
    for file in files:
        typer.echo(str(file))
    show.remark("next: terraform init && terraform apply, in that folder")


def _told(stage: str, outputs: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.as_json({"stage": stage, **outputs})
        return
    for address in dict.fromkeys([outputs.get("url", ""), *outputs.get("endpoints", [])]):
        if address:
            typer.echo(address)
    for name in outputs.get("secrets", []):
        show.remark(f"the secret {name} is to be given a value, if it has none")
