"""What a shell is offered for an unfinished word. Nothing is run or connected to; what cannot be read offers nothing.

Typer drops what does not begin as the word does.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from asterism.project import names, settings


def stages(context: typer.Context) -> list[str]:
    """The sections of asterism.toml."""
    return names.stages(_root(context))


def models(context: typer.Context) -> list[str]:
    """The models."""
    return names.files(_root(context), "models")


def queries(context: typer.Context) -> list[str]:
    """The queries."""
    return names.files(_root(context), "queries")


def sources(context: typer.Context) -> list[str]:
    """The sources, by the schemas they land in."""
    return names.declared(_root(context), "pull")


def streams(context: typer.Context) -> list[str]:
    """The streams."""
    return names.declared(_root(context), "stream")


def described(context: typer.Context) -> list[str]:
    """What `describe` tells of; the tables of sources are known to the warehouse only."""
    return [*models(context), *queries(context), *streams(context)]


def views(context: typer.Context) -> list[str]:
    """The live views."""
    return names.declared(_root(context), "view")


def publications(context: typer.Context) -> list[str]:
    """The publications, of any stage."""
    return names.declared(_root(context), "publish")


def reports(context: typer.Context) -> list[str]:
    """The reports."""
    return names.declared(_root(context), "report")


def simulators(context: typer.Context) -> list[str]:
    """The simulators."""
    return names.declared(_root(context), "simulator")


def _root(context: typer.Context) -> Path:
    """The platform's folder, by the words before this one."""
    at: Any = context
    given = at.params.get("project")
    while given is None and at.parent is not None:
        at = at.parent
        given = at.params.get("project")
    with suppress(OSError, RuntimeError):  # no folder to be in, no home that ~ stands for
        return settings.folder(given and Path(given).expanduser(), os.environ)
    return Path(os.devnull)
