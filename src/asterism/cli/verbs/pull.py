"""`asterism pull`: bring the warehouse up to date with its sources, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.cli.verbs.refresh import changes
from asterism.cli.verbs.refresh import described as refreshed
from asterism.errors import AsterismError, ProjectError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, pull)


def pull(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Sources, by the schema they land in; all without.", autocompletion=complete.sources),
    ] = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Compare all keys, which finds deletions at once.")
    ] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Pull what changed at the sources, once.

    The models behind it are refreshed in the same transaction, which moves the cursor as well: after a failure,
    repeat it.

    - `asterism pull`
    - `asterism pull totesys --reconcile`

    The first pull loads everything.
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "pull", work, {"sources": sources or [], "reconcile": reconcile})
    if chosen.json:
        show.as_json(result)
    else:
        for each in result["sources"]:
            _show(each)
        for failure in result["failures"]:
            show.remark(f"{failure['subject']}: {failure['fact']}\n  {failure['remedy']}")
        if not (result["sources"] or result["failures"]):
            show.remark("no source is declared: `asterism new source NAME` adds one")
    if result["failures"] or any(each["held"] for each in result["sources"]):
        raise typer.Exit(1)


def work(desk: Desk, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Pull `sources`, or all. A source that fails stops no other; a single one raises its error."""
    from asterism.run import control
    from asterism.run.pull import pull as pull_once

    pulls = desk.pulls(arguments["sources"])
    done: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for each in pulls:
        try:
            source = desk.source(each)
            done.append(
                described(pull_once(desk.warehouse, each, source, reconcile=arguments["reconcile"], progress=progress))
            )
        except ProjectError:
            raise
        except AsterismError as error:
            if len(pulls) == 1:
                raise
            failures.append(control.describe(error))
    made: set[str] = set()
    for one in reversed(done):  # what waited for a source that came later has been made since
        one["held"] = [held for held in one["held"] if held["model"] not in made]
        made |= {table["table"] for table in one["refreshed"] if table["how"] != "held"}
    return {"sources": done, "failures": failures}


def described(pulled: Any) -> dict[str, Any]:
    """What a pull did, as JSON values."""
    from asterism.run.values import as_json

    return {
        "source": pulled.source,
        "run": pulled.run,
        "rows": pulled.rows,
        "deletions": pulled.deletions,
        "removed": pulled.removed,
        "added": pulled.added,
        "polled_at": as_json(pulled.polled_at),
        **refreshed(pulled),
    }


def _show(each: Mapping[str, Any]) -> None:
    show.remark(
        f"{each['source']}: {each['rows']} rows read, {each['deletions']} deleted, "
        f"{show.counted(len(each['refreshed']), 'table')} refreshed, {each['seconds']:.2f} s"
    )
    changes(each)
