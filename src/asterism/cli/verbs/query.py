"""`asterism query`: ask the warehouse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import typer

from asterism.cli import show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.errors import UsageError
from asterism.project.nearest import suggestion


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, query)


def query(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="NAME|SELECT", help="A query of the platform, or SQL.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter's value; repeat it.")
    ] = None,
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
    - `asterism query "select count(*) from fact_payment where is_current" --json`

    Nothing can be written. In JSON, decimals and integers beyond 2^53 are texts.
    """
    chosen = common(context, project, stage, as_json, debug)
    values = dict(_pair(text) for text in param or ())
    result = perform(chosen, "query", work, {"question": question, "values": values})
    columns, rows = result["columns"], result["rows"]
    if chosen.json:
        show.as_json({"columns": columns, "rows": rows})
    elif csv:
        show.comma_separated(columns, rows)
    else:
        show.table(columns, [[*row.values()] for row in rows], numeric=frozenset(result["numeric"]))
        show.remark(f"{len(rows)} row{'' if len(rows) == 1 else 's'}")


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Answer `question` with the texts `values` for its parameters."""
    from asterism.run.answer import answer
    from asterism.run.values import as_json

    question: str = arguments["question"]
    named = desk.project.queries.get(question)
    if named is None and re.fullmatch(r"\w+", question):
        raise UsageError(question, "is not a query of this platform", suggestion(question, desk.project.queries))
    found = answer(desk.warehouse, named or question, arguments["values"])
    columns = _distinct(found.columns)
    numeric = [place for place in range(len(columns)) if _is_numeric([row[place] for row in found.rows])]
    rows = [{column: as_json(value) for column, value in zip(columns, row, strict=True)} for row in found.rows]
    return {"columns": columns, "rows": rows, "numeric": numeric}


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--param {text}", "does not say a value", "Write --param NAME=VALUE.")
    return name.strip(), value


def _is_numeric(values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in known)


def _distinct(names: tuple[str, ...]) -> list[str]:
    """Column names as keys: a name that stands twice gets a number, so that no value is lost."""
    taken: list[str] = []
    for name in names:
        number, fresh = 1, name
        while fresh in taken:
            number += 1
            fresh = f"{name}_{number}"
        taken.append(fresh)
    return taken
