"""`asterism draw`: the platform as a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.project.load import load
from asterism.wire import vault


class Format(StrEnum):
    """The forms of a picture."""

    mermaid = "mermaid"
    svg = "svg"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, draw)


def draw(
    context: typer.Context,
    form: Annotated[Format | None, typer.Option("--format", help="By the output's ending; else Mermaid.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="A file; else stdout.")] = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Draw the way from sources to queries.

    Over tables and models, as Mermaid or SVG. Needs no database.

    - `asterism draw` prints Mermaid
    - `asterism draw -o flow.svg`
    """
    from asterism.project.draw import mermaid, svg
    from asterism.project.graph import graph

    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, vault=vault)
    drawn = graph(loaded)
    if chosen.json:
        nodes = [{"id": node.id, "name": node.name, "kind": node.kind} for node in drawn.nodes]
        show.as_json({"nodes": nodes, "edges": [{"from": begin, "to": end} for begin, end in drawn.edges]})
        return
    vector = form is Format.svg if form else output is not None and output.suffix == ".svg"
    text = svg(drawn, loaded.name) if vector else mermaid(drawn)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        show.remark(f"wrote {output}")
