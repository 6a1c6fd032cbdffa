"""JSON in BigQuery: `->` and `->>` with what they mean in DuckDB, and the fields of an object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from asterism.plan.bigquery_types import DIALECT, of_json, sql
from asterism.plan.dialect import verbatim


def _json(whole: bool) -> Callable[[exp.Expr], exp.Expr]:  # noqa: FBT001 - which of two operators it is
    """`->` and `->>`: as text, a list or an object is its JSON, and null is NULL."""

    def rule(node: exp.Expr) -> exp.Expr:
        path = node.args["expression"]
        if isinstance(path, exp.Literal):
            steps = [exp.JSONPathKey(this=path.name) if path.is_string else exp.JSONPathSubscript(this=path.name)]
        else:
            steps = path.expressions[1:] if isinstance(path, exp.JSONPath) else []
        if any(isinstance(each.this, exp.Expr) for each in steps):
            return node
        if not steps:  # a path that is computed: the name of a field
            found = f"{sql(node.this)}[{sql(path)}]"
            value = f"COALESCE(JSON_VALUE({found}), NULLIF(TO_JSON_STRING({found}), 'null'))"
            return of_json(found) if whole else verbatim(value)
        said = "$" + "".join(_step(each) for each in steps)
        literal = exp.Literal.string(said).sql(dialect=DIALECT)
        found = f"JSON_QUERY({sql(node.this)}, {literal})"
        if whole:
            return of_json(found)
        return verbatim(f"COALESCE(JSON_VALUE({sql(node.this)}, {literal}), NULLIF(TO_JSON_STRING({found}), 'null'))")

    return rule


def patched(node: exp.Expr) -> exp.Expr:
    """`json_merge_patch` with an object that is written out: NULLs take fields away, others are set."""
    target, patch = node.expressions
    try:
        fields = json.loads(patch.name) if isinstance(patch, exp.Literal) else None
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or any(isinstance(value, dict) for value in fields.values()):
        return node
    made = sql(target)
    for name, value in fields.items():
        if value is None:
            made = f"JSON_REMOVE({made}, {_path(name)})"
        else:
            text = exp.Literal.string(json.dumps(value)).sql(dialect=DIALECT)
            made = f"JSON_SET({made}, {_path(name)}, PARSE_JSON({text}))"
    return of_json(made)


def _path(name: str) -> str:
    return str(exp.Literal.string(f'$."{name}"').sql(dialect=DIALECT))


def _step(step: exp.Expr) -> str:
    return f"[{step.this}]" if isinstance(step, exp.JSONPathSubscript) else f'."{step.this}"'


RULES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.JSONExtract: _json(whole=True),
    exp.JSONExtractScalar: _json(whole=False),
    exp.JSONKeys: lambda node: verbatim(f"JSON_KEYS({sql(node.this)}, 1)"),
}
