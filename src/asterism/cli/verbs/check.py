"""`asterism check`: every problem of the platform at once, and how each model is maintained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.declare.table import Table
from asterism.declare.view import View
from asterism.errors import AsterismError, Problem, ProjectError, SourceError, UsageError
from asterism.outside import PORTS, foreign, is_ours
from asterism.project.load import PLATFORM_FILE, Project, examine, line_of
from asterism.project.settings import FILE as SETTINGS_FILE
from asterism.project.settings import lines_of
from asterism.project.variables import lacking
from asterism.wire import Wiring, refuse_strange, vault

if TYPE_CHECKING:
    from asterism.plan.compile import Compiled


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, check)


def check(
    context: typer.Context,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Report all that is wrong, at once.

    Each problem of the platform's files has its file, line and remedy.

    Says of each sound model how it is maintained: incrementally, and by what, or in full, and why; and of each live
    view which order of its records it needs. Exit code 2 where anything is wrong. Columns are those of the warehouse's
    raw tables; before the first pull, of the sources. DuckDB or PostgreSQL, where it is the warehouse, is asked what it
    says of each SELECT.
    """
    chosen = common(context, project, stage, as_json, debug)
    found, problems = examine(chosen.root(), chosen.stage, vault=vault)
    problems = [*problems, *(_strange(found) if found is not None else ())]
    if found is None or any(problem.where.startswith(f"{SETTINGS_FILE}:") for problem in problems):
        from asterism.project.check import ordered

        # Without its places the platform cannot be looked at any further.
        raise ProjectError(chosen.root(), ordered(problems))
    arguments = {"root": str(found.root), "stage": found.stage.name}
    result = perform(chosen, "check", work, arguments, project=found)
    if chosen.json:
        show.as_json(result)
        return
    laid = any(model["layout"] for model in result["models"])
    if result["models"]:
        show.table(
            ["model", "kind", "maintained", *(["rows lie"] if laid else [])],
            [[m["model"], m["kind"], m["maintained"], *([m["layout"]] if laid else [])] for m in result["models"]],
        )
    if result["views"]:
        rows = [[v["view"], v["stream"], v["key"] or "", v["needs"]] for v in result["views"]]
        show.table(["view", "stream", "key", "needs"], rows)
    models, queries = show.counted(len(result["models"]), "model"), show.counted(len(result["queries"]), "query")
    show.remark(f"{models}, {queries}, no problems")


def _strange(project: Project) -> Iterator[Problem]:
    """Places of the stage by which nothing is found. Nobody is connected to."""
    stage, lines = project.stage, lines_of(project.root, project.stage.name)
    with Wiring(stage) as wiring:
        tries: list[tuple[str, Callable[[], object]]]
        tries = [(setting, partial(foreign, stage, setting)) for setting in PORTS if not is_ours(stage, setting)]
        tries += [("mail", wiring.mailer)] if stage.mail and is_ours(stage, "mail") else []
        tries += [("alerts", partial(wiring.alerts, address)) for address in stage.alerts]
        for setting, find in tries:
            try:
                find()
            except UsageError as error:
                yield Problem(lines.get(setting, lines[""]), f"{setting}: {error.fact}", error.remedy)


def _unpublished(project: Project) -> Iterator[Problem]:
    """Publications to where nothing can be published."""
    for publication in project.publications:
        if lacking(publication):
            continue  # told already
        try:
            refuse_strange(publication)
        except UsageError as error:
            line = line_of(project.root / PLATFORM_FILE, f'"{publication.schema}"')
            yield Problem(f"{PLATFORM_FILE}:{line}" if line else PLATFORM_FILE, error.fact, error.remedy)


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Check the files as they are now. Raises ProjectError, or SourceError where only a source stands in the way."""
    from asterism.project.check import check as check_files
    from asterism.project.check import ordered

    project, problems = examine(Path(arguments["root"]), arguments["stage"], vault=vault)
    if project is None:
        raise ProjectError(arguments["root"], tuple(problems))
    tables, held, failures = _learn(desk, project)
    unknown = frozenset(failures) | {pull.into for pull in project.pulls if lacking(pull.source)}
    checked = check_files(project, tables.values(), unknown)
    refused = _refused(desk, project, checked.compiled)
    wrong = {problem.where.partition(":")[0] for problem in refused}
    held = [problem for problem in held if problem.where not in wrong]
    problems = [*problems, *checked.problems, *_unpublished(project), *refused, *held]
    if problems:
        problems += [Problem(error.subject, error.fact, error.remedy) for error in failures.values()]
        raise ProjectError(project.root, ordered(problems))
    for error in failures.values():
        raise error
    models = [
        {
            "model": model.name,
            "kind": model.kind,
            "maintained": checked.maintenance.get(model.name, ""),
            "layout": str(model.layout or ""),
        }
        for model in project.models.values()
    ]
    views = [
        {"view": view.name, "stream": view.stream.name, "key": view.key, "needs": _needs(view)}
        for view in project.platform.views
    ]
    return {
        "platform": project.name, "stage": project.stage.name, "models": models, "views": views,
        "queries": [*project.queries],
    }  # fmt: skip


def _refused(desk: Desk, project: Project, compiled: Compiled) -> list[Problem]:
    """What DuckDB or PostgreSQL says of the SELECTs, whichever will be asked for them. Others take seconds to ask."""
    from asterism.run.bind import bind

    questions = project.queries.values()
    if project.stage.warehouse.startswith("duckdb:"):
        with Wiring(replace(project.stage, warehouse="duckdb:///:memory:")) as wiring:
            return bind(wiring.engine().reader(), compiled, questions, project.root)
    if not desk.wiring.stands() or desk.warehouse.engine.dialect != "postgres":
        return []
    with closing(desk.warehouse.engine.reader()) as reader:
        return bind(reader, compiled, questions, project.root)


def _needs(view: View) -> str:
    """The order that a view depends on, in words."""
    order = f"the order of each {view.key}" if view.is_ordered else "a fold that comes to the same in any order"
    if not view.is_ordered:
        ordered = f"by {view.stream.key}" if view.stream.key else "by no key"
        order += f": {view.stream.name} is ordered {ordered}"
    return f"{order}; the rows of {view.after} first" if view.after else order


def _learn(desk: Desk, project: Project) -> tuple[dict[str, Table], list[Problem], dict[str, AsterismError]]:
    """The sources' tables, the models that data holds up, and what could not be learned, by schema."""
    tables: dict[str, Table] = {}
    held: list[Problem] = []
    failures: dict[str, AsterismError] = {}
    if desk.wiring.stands():
        tables = desk.warehouse.raw_tables()
        for name, state in desk.warehouse.ledger.models().items():
            if state.state == "held" and name in project.models and not state.error.startswith("waits for "):
                remedy = "Correct the model, its key or check, or the rows; until then it stays as it last was."
                held.append(Problem(str(project.models[name].path), f"is held: {state.error}", remedy))
    if project.platform.streams:
        from asterism.run.streams import Streams

        declared = Streams.of(project.platform.streams, desk.wiring.lines()).shapes
        tables |= {name: shape.table for name, shape in declared.items() if not shape.stream.lake_only}
    for pull in project.pulls:
        if lacking(pull.source) or any(name.startswith(f"{pull.into}.") for name in tables):
            continue
        try:
            found = desk.wiring.source(pull).describe()
        except AsterismError as error:
            failures[pull.into] = error
            continue
        tables |= {f"{pull.into}.{table.name.rpartition('.')[2]}": table for table in found}
        if not found:
            line = line_of(project.root / PLATFORM_FILE, pull.into)
            fact = "has no table to pull"
            remedy = (
                "Fill it first: `asterism simulate`, where the platform has a simulator." if project.simulators else ""
            )
            failures[pull.into] = SourceError(f"source {pull.into} ({PLATFORM_FILE}:{line})", fact, remedy)
    return tables, held, failures
