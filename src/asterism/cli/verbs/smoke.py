"""`asterism smoke`: whether what was deployed takes records and answers."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Annotated

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, smoke)


def smoke(
    context: typer.Context,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where it was deployed to.")],
    token: Annotated[str, typer.Option("--token", envvar="ASTERISM_TOKEN", help="With ingest:*, read and sql.")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Post nothing; only ask.")] = False,
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="For each step.")] = 180.0,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Try what was deployed.

    Posts a few made-up records to each stream that has a simulator, waits until they stand in its table and in its
    views, and asks every query that needs no parameter. Production takes no samples: add --read-only there.
    """
    from asterism.deploy.smoke import Smoke, samples
    from asterism.project.load import load

    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, os.environ, sealed=True)
    posted = {} if read_only else samples(loaded, seed=time.time_ns())
    steps = []
    for step in Smoke(url.rstrip("/"), token, deadline=deadline).run(loaded, posted):
        steps.append(asdict(step))
        if not chosen.json:
            show.remark(f"{step.what}: {step.found}, {step.seconds:.1f} s")
    if chosen.json:
        show.as_json({"url": url, "steps": steps})
