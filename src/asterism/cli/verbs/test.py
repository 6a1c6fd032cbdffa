"""`asterism test`: carry out the platform's cases."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, common, shown
from asterism.declare.case import Case
from asterism.errors import AsterismError, ProjectError
from asterism.project.load import Project, load
from asterism.wire import vault

if TYPE_CHECKING:
    from asterism.run.trial import Bench, Difference

_MOST = 20
"""Rows of a difference that are shown."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    # Ruff takes a function of the verb's own name for a test.
    app.command("test", help=shown(inspect.getdoc(try_cases) or ""))(try_cases)


def try_cases(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only cases whose name or file holds it.")] = "",
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Carry out the cases of tests/*.toml.

    Each gives rows, and says what models, queries and live views make of them. It is done in memory, by the code that
    does the real work, transforms and live views included; twice, all at once and in two batches. Nothing of the stage
    is touched.

    - `asterism test`
    - `asterism test "never came back"`

    Exit code 1 where anything differs, which is shown row by row.
    """
    from asterism.project.cases import read

    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, vault=vault)
    cases, problems = read(loaded.root)
    if problems:
        raise ProjectError(loaded.root, tuple(problems))
    cases = [case for case in cases if name.lower() in f"{case.path} {case.name}".lower()]
    results = [_done(loaded, case) for case in cases]
    failed = [each for each in results if not each["passed"]]
    if chosen.json:
        show.as_json({"cases": results, "passed": len(results) - len(failed), "failed": len(failed)})
    else:
        for each in failed:
            _tell(each)
        show.remark(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


def _done(project: Project, case: Case) -> dict[str, Any]:
    """Carry one case out; what keeps it from being so is its result as well."""
    from asterism.run.ledger import now
    from asterism.run.trial import attempt

    result: dict[str, Any] = {"case": case.name, "file": str(case.path), "error": None, "differences": []}
    with ExitStack() as stack:
        try:
            differences = attempt(case, lambda: stack.enter_context(_bench(project)), now())
            result["differences"] = [_described(each) for each in differences]
        except AsterismError as error:
            result["error"] = str(error)
    return {**result, "passed": not result["differences"] and result["error"] is None}


@contextmanager
def _bench(project: Project) -> Iterator[Bench]:
    from asterism.ports.scratch import scratch
    from asterism.run.streams import Streams
    from asterism.run.trial import Bench
    from asterism.run.warehouse import Warehouse
    from asterism.wire import Wiring

    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        views = f"sqlite:////{Path(folder).relative_to('/')}/views.db"
        stage = replace(project.stage, warehouse="duckdb:///:memory:", lake="memory:///", views=views)
        with Wiring(stage) as wiring:
            streams = Streams.of(project.platform.streams, wiring.lines())
            models = tuple(project.models.values())
            warehouse = Warehouse(
                wiring.engine(), wiring.lake(), wiring.parquet(), models, processed=False, streams=streams
            )
            warehouse.ledger.prepare()
            known = [pull for pull in project.pulls if pull.dated]
            tables = {table.name: table for pull in known for table in wiring.source(pull).describe()}
            yield Bench(project.platform, project.queries, warehouse, streams, wiring.states(), tables)


def _described(found: Difference) -> dict[str, Any]:
    from asterism.run.values import as_json

    def rows(values: tuple[tuple[Any, ...], ...]) -> list[dict[str, Any]]:
        return [dict(zip(found.columns, map(as_json, row), strict=True)) for row in values]

    return {
        "target": found.target,
        "fact": found.fact,
        "missing": rows(found.missing),
        "unexpected": rows(found.unexpected),
    }


def _tell(result: dict[str, Any]) -> None:
    title = f"{result['file']}: {result['case']}"
    if result["error"] is not None:
        typer.echo(f"{title}\n{result['error']}\n")
    for each in result["differences"]:
        signed = [("expected", row) for row in each["missing"]] + [("found", row) for row in each["unexpected"]]
        columns = [*signed[0][1]] if signed else []
        fact = f": {each['fact']}" if each["fact"] else ""
        rows = [[sign, *row.values()] for sign, row in signed[:_MOST]]
        show.table(["", *columns], rows, title=f"{title}\n{each['target']}{fact}")
        if len(signed) > _MOST:
            typer.echo(f"and {len(signed) - _MOST} rows more")
