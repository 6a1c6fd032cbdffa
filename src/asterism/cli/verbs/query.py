"""`asterism query`: ask the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import Common, DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.errors import UsageError
from asterism.project.load import load
from asterism.wire import vault


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, query)


def query(
    context: typer.Context,
    question: Annotated[
        str,
        typer.Argument(metavar="NAME|SELECT", help="A query of the platform, or SQL.", autocompletion=complete.queries),
    ],
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter's value; repeat it.")
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="warehouse|lake",
            help="`lake`: ask the tables of its catalogue, in place.",
            autocompletion=lambda: ["warehouse", "lake"],
        ),
    ] = "warehouse",
    explain: Annotated[
        bool, typer.Option("--explain", help="How it would be answered, and what that would read; not the answer.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout.")] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Ask the warehouse.

    A query of the platform by its name, or one SELECT of DuckDB's dialect.

    - `asterism query top_sales_staff`
    - `asterism query units_sold --param month=2024-11-01 --csv`
    - `asterism query --on lake "select count(*) from raw_users where hour = '2026/03/01/12'"`
    - `asterism query units_sold --explain`: the engine's plan; on BigQuery, how many bytes it would read
    - `asterism query "select count(*) from fact_payment where is_current" --json`

    Nothing can be written. In JSON, decimals and integers beyond 2^53 are texts.
    """
    chosen = common(context, project, stage, as_json, debug)
    values = dict(_pair(text) for text in param or ())
    if on not in {"warehouse", "lake"}:
        raise UsageError(f"--on {on}", "is nowhere to ask", "Write --on warehouse or --on lake.")
    arguments = {"question": question, "values": values, "explain": explain}
    if explain:
        _explained(chosen, on, arguments)
        return
    result = perform(chosen, "query", work, arguments) if on == "warehouse" else _of_the_lake(chosen, question, values)
    columns, rows = result["columns"], result["rows"]
    if chosen.json:
        show.as_json({"columns": columns, "rows": rows})
    elif csv:
        show.comma_separated(columns, rows)
    else:
        show.table(columns, [[*row.values()] for row in rows], numeric=frozenset(result["numeric"]))
        show.remark(show.counted(len(rows), "row"))


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Answer `question` with the texts `values` for its parameters."""
    from asterism.run.ask import Book, explain, table

    if arguments.get("explain"):
        return explain(desk.warehouse.engine.reader(), Book(desk.project), arguments["question"], arguments["values"])
    return table(desk.warehouse.engine.reader(), Book(desk.project), arguments["question"], arguments["values"])


def _explained(chosen: Common, on: str, arguments: Mapping[str, Any]) -> None:
    if on != "warehouse":
        raise UsageError("--explain", "is of the warehouse alone", "Leave out --on lake.")
    result = perform(chosen, "query", work, arguments)
    if chosen.json:
        show.as_json(result)
    else:
        typer.echo(result["plan"])


def _of_the_lake(chosen: Common, question: str, values: Mapping[str, str]) -> dict[str, Any]:
    """What stands in the lake needs no turn: nobody holds it."""
    from asterism.run.catalogue import table
    from asterism.wire import Wiring

    if values:
        raise UsageError("--param", "is not taken with --on lake", "Write the values into the SELECT.")
    with Wiring(load(chosen.root(), chosen.stage, vault=vault).stage) as wiring:
        return table(wiring.catalogue(), question)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--param {text}", "does not say a value", "Write --param NAME=VALUE.")
    return name.strip(), value
