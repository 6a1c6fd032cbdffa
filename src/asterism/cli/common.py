"""The options that every verb takes, before the verb or after it."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from asterism.cli import complete
from asterism.errors import UsageError
from asterism.project.settings import folder

_PANEL = "Common options"

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", help="The platform's folder; else this one or one above.", rich_help_panel=_PANEL
    ),
]
StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        metavar="NAME",
        help="A section of asterism.toml; else its default_stage.",
        rich_help_panel=_PANEL,
        autocompletion=complete.stages,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="JSON on stdout, errors as JSON on stderr.", rich_help_panel=_PANEL)
]
YesOption = Annotated[
    str | None,
    typer.Option(
        "--yes",
        metavar="STAGE",
        help="The stage's name, instead of asking for it.",
        autocompletion=complete.stages,
    ),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show where an error arose.", rich_help_panel=_PANEL)]


@dataclass(frozen=True, slots=True)
class Common:
    """What the common options say."""

    project: Path | None = None
    stage: str | None = None
    json: bool = False
    debug: bool = False

    def root(self) -> Path:
        """The platform's folder: as given, else the nearest one, from here upwards, that holds an asterism.toml."""
        return folder(self.project, os.environ)


def add(app: typer.Typer, verb: Callable[..., None]) -> None:
    """Add a verb under its function's name; its docstring is its help."""
    app.command(verb.__name__, help=shown(inspect.getdoc(verb) or ""))(verb)


def shown(text: str) -> str:
    """A help text whose lists keep their lines: examples are there to be copied."""
    paragraphs = text.split("\n\n")
    kept = ["\b\n" + p.replace("- `", "  ").replace("`", "") if p.startswith("- ") else p for p in paragraphs]
    return "\n\n".join(kept)


def common(
    context: typer.Context,
    project: Path | None,
    stage: str | None,
    as_json: bool,
    debug: bool,
) -> Common:
    """What stands after the verb, and where nothing does, what stands before it."""
    before = context.obj if isinstance(context.obj, Common) else Common()
    return Common(project or before.project, stage or before.stage, as_json or before.json, debug or before.debug)


def confirm(verb: str, stage: str, yes: str | None, what: str) -> None:
    """Have the stage's name typed, unless it was given; `what` says what is going to happen. Raises UsageError."""
    if yes is None and not sys.stdin.isatty():
        raise UsageError(verb, "asks for the stage's name, and there is no terminal", f"Add --yes {stage}.")
    answer = yes if yes is not None else typer.prompt(f"{what}. The stage's name", err=True)
    if answer != stage:
        raise UsageError(verb, f"{answer!r} is not the stage's name", "Nothing was touched.")
