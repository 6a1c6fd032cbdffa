"""Catalogue: a question to the lake's tables, where they lie."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from asterism.errors import UsageError
from asterism.plan.parse import Refused, parse
from asterism.plan.translate import translate
from asterism.ports.catalogue import Catalogue
from asterism.run.fence import refuse_reaching_out
from asterism.run.values import as_json


def table(catalogue: Catalogue, question: str) -> dict[str, Any]:
    """A whole answer as JSON values, for people: see `ask.table`. The SELECT is of DuckDB's dialect.

    Raises UsageError for what is no SELECT, and EngineError.
    """
    try:
        tree = parse(question)
    except Refused as refused:
        raise UsageError("the question", refused.fact, refused.remedy) from refused
    refuse_reaching_out(tree, "the question")
    columns, rows = catalogue.ask(translate(tree, catalogue.dialect))
    numeric = [
        place
        for place in range(len(columns))
        if rows and all(isinstance(row[place], int | float | Decimal | None) for row in rows)
    ]
    told = [{name: as_json(value) for name, value in zip(columns, row, strict=True)} for row in rows]
    return {"columns": [*columns], "rows": told, "numeric": numeric}
