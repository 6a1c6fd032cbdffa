"""`asterism publish`: carry models onward into another database, now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.declare.publish import Publication
from asterism.errors import AsterismError, UsageError
from asterism.project.load import Project
from asterism.project.nearest import suggestion
from asterism.project.variables import require

if TYPE_CHECKING:
    from asterism.run.publish import Publisher
    from asterism.run.warehouse import Warehouse
    from asterism.wire import Wiring

Turn = Callable[[], AbstractContextManager[None]]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, publish)


def publish(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A publication; all without.", autocompletion=complete.publications)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare every table with what stands there.")] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Carry models onward into other databases.

    Sends what changed since the last time: each refresh once, in order, all its tables in one transaction.
    `asterism run` does so by itself after each refresh.

    - `asterism publish`
    - `asterism publish analysis --full` after somebody changed published rows
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "publish", work, {"name": name, "full": full})
    if chosen.json:
        show.as_json(result)
    else:
        for each in result["publications"]:
            _show(each)
        for failure in result["failures"]:
            show.remark(f"{failure['subject']}: {failure['fact']}\n  {failure['remedy']}")
    if result["failures"]:
        raise typer.Exit(1)


def work(desk: Desk, arguments: Mapping[str, Any], progress: Progress, *, turn: Turn = nullcontext) -> dict[str, Any]:
    """Publish one or all; one that fails stops no other. `turn` is held while the warehouse is read."""
    from asterism.run.control import describe
    from asterism.wire import Wiring

    chosen = _chosen(desk.project, arguments["name"])
    done, failures = [], []
    for each in chosen:
        try:
            # Connections of its own: beside `run` this works on a thread of its own.
            with Wiring(desk.project.stage) as wiring:
                publisher = opened(desk.project, each, wiring, lambda: desk.warehouse, turn, progress)
                publisher.tracer = desk.tracer
                done.append(described(publisher.run(full=arguments["full"])))
        except AsterismError as error:
            if len(chosen) == 1:
                raise
            failures.append(describe(error))
    return {"publications": done, "failures": failures}


def opened(
    project: Project,
    publication: Publication,
    wiring: Wiring,
    warehouse: Callable[[], Warehouse],
    turn: Turn,
    progress: Progress = lambda _step, _done, _total: None,
) -> Publisher:
    """A publisher with connections of `wiring`. Raises EngineError where the other database cannot be reached."""
    from asterism.run.publish import Publisher
    from asterism.run.replica import Replica
    from asterism.run.session import Session

    # With the stage in its name, two stages never write into one place by turns.
    owner = f"{project.name}/{project.stage.name}/{publication.name}"
    replica = Replica(Session(wiring.target(publication)), owner)
    return Publisher(publication, warehouse, replica, wiring.lake(), wiring.parquet(), turn, progress)


def described(done: Any) -> dict[str, Any]:
    """What was published, as JSON values."""
    from dataclasses import asdict

    from asterism.run.values import as_json

    found: dict[str, Any] = as_json(asdict(done))
    return found


def _chosen(project: Project, name: str | None) -> list[Publication]:
    known = {each.name: each for each in project.publications}
    if name is not None and name not in known:
        off = any(each.name == name for each in project.platform.publications)
        fact = f"does not publish on stage {project.stage.name}" if off else "is not a publication of this platform"
        raise UsageError(name, fact, "Give its URL a value on this stage." if off else suggestion(name, known))
    if not known:
        remedy = "Declare one in platform.py with platform.publish, and give its URL a value on this stage."
        raise UsageError(project.name, f"publishes nothing on stage {project.stage.name}", remedy)
    found = [known[name]] if name is not None else [*known.values()]
    require(*found)
    return found


def _show(each: Mapping[str, Any]) -> None:
    rows = [[t["table"], t["how"], t["removed"], t["added"]] for t in each["tables"]]
    if rows:
        show.table(["table", "how", "removed", "added"], rows, numeric=frozenset({2, 3}))
    for name in each["waiting"]:
        show.remark(f"waiting: {name} has not been made yet")
    for notice in each["notices"]:
        show.remark(f"note: {notice}")
    show.remark(f"{each['publication']}: {each['refreshes']} refreshes published, {each['seconds']:.2f} s")
