"""JSON in BigQuery: `->` and `->>` with what they mean in DuckDB, and the fields of an object."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects.bigquery_types import DIALECT, of_json, sql
from asterism.plan.dialects.jsonpath import steps
from asterism.plan.dialects.shared import refused, verbatim, written_patch


def _json(whole: bool) -> Callable[[exp.Expr], exp.Expr]:  # noqa: FBT001 - which of two operators it is
    """`->` and `->>`: as text, a list or an object is its JSON, and null is NULL."""

    def rule(node: exp.Expr) -> exp.Expr:
        path = node.args["expression"]
        keys = steps(path)
        if keys is None:  # computed: the name of a field
            found = f"{sql(node.this)}[{sql(path)}]"
            return of_json(found) if whole else verbatim(f"COALESCE(JSON_VALUE({found}), {_text(found)})")
        said = "$" + "".join(_step(each) for each in keys)
        literal = exp.Literal.string(said).sql(dialect=DIALECT)
        found = f"JSON_QUERY({sql(node.this)}, {literal})"
        if whole:
            return of_json(found)
        return verbatim(f"COALESCE(JSON_VALUE({sql(node.this)}, {literal}), {_text(found)})")

    return rule


def _text(found: str) -> str:
    """A list or an object as its text, whether it stands in JSON or in a text that holds some; NULL would be a word."""
    return f"NULLIF(NULLIF(FORMAT('%t', {found}), 'null'), 'NULL')"


def patched(node: exp.Expr) -> exp.Expr:
    """`json_merge_patch` with an object that is written out: NULLs take fields away, others are set."""
    target, patch = node.expressions
    fields = written_patch(patch)
    if fields is None:
        return node
    made = sql(target)
    for name, value in fields.items():
        if value is None:
            made = f"JSON_REMOVE({made}, {_path(name)})"
        else:
            text = exp.Literal.string(json.dumps(value)).sql(dialect=DIALECT)
            made = f"JSON_SET({made}, {_path(name)}, PARSE_JSON({text}))"
    return of_json(made)


def _keys(node: exp.Expr) -> exp.Expr:
    """`json_keys`, of all of a value or of what stands at a path."""
    path, value = node.args.get("expression"), sql(node.this)
    if path is not None:
        keys = steps(path)
        if keys is None:
            raise UnsupportedError("a path into JSON must be written out for json_keys")
        value = f"JSON_QUERY({value}, {sql(exp.Literal.string('$' + ''.join(map(_step, keys))))})"
    return verbatim(f"JSON_KEYS({value}, 1)")


def _path(name: str) -> str:
    return str(exp.Literal.string(f'$."{name}"').sql(dialect=DIALECT))


def _step(step: str | int) -> str:
    if isinstance(step, int) and step < 0:
        raise UnsupportedError("BigQuery counts no place of a list from its end")
    return f"[{step}]" if isinstance(step, int) else '."' + step.replace('"', '\\"') + '"'


RULES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.JSONExtract: _json(whole=True),
    exp.JSONExtractScalar: _json(whole=False),
    exp.JSONKeys: _keys,
    exp.JSONType: refused("types of JSON have other names there"),
}
