"""`asterism new`: a platform from a template, or a part of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, new)


def new(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="NAME|source|stream|model|query", help="A platform's name, or a kind of part.")
    ],
    name: Annotated[str | None, typer.Argument(help="The part's name.")] = None,
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help="What a new platform is copied from.")
    ] = "empty",
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a platform, or a part of one.

    Overwrites nothing.

    - `asterism new shop` makes an empty platform in the folder shop
    - `asterism new shop --template totesys` copies a whole one that runs
    - `asterism new source orders`, `asterism new stream visits`
    - `asterism new model dim_product`, `asterism new query sales_by_day`

    A new platform has a workflow for GitHub Actions: checks and tests for each change, the plan of a deployment for a
    pull request, and the deployment of main. Its README tells how to turn the latter two on.
    """
    from asterism.project.scaffold import PARTS, new_platform

    chosen = common(context, project, stage, as_json, debug)
    if name is not None:
        if what not in PARTS:
            raise UsageError(what, "is not a part of a platform", f"Parts are {', '.join(PARTS)}.")
        files = PARTS[what](chosen.root(), name)
    elif what in PARTS:
        raise UsageError(f"new {what}", "needs a name", f"Write asterism new {what} NAME.")
    else:
        files = new_platform(Path(what).absolute(), template)
    if chosen.json:
        show.as_json({"files": [str(file) for file in files]})
        return
    for file in files:
        typer.echo(str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file))
    if name is None:
        show.remark(f"next: cd {what} && asterism check")
