"""Answer: a question in SQL, read-only, with bound parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from sqlglot import exp

from asterism.declare.model import Parameter, Query
from asterism.errors import UsageError
from asterism.plan.parse import Refused, parse
from asterism.plan.qualify import spell_streams
from asterism.plan.translate import translate
from asterism.run.fence import refuse_reaching_out
from asterism.run.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Answered:
    """A result: column names, and rows of Python values in their order."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def answer(warehouse: Warehouse, question: str | Query, values: Mapping[str, str] | None = None) -> Answered:
    """Run one SELECT. A string is ad hoc SQL, of DuckDB's dialect; a Query has typed parameters, given as text.

    Nothing can be written, and files, network and settings are out of reach. Raises UsageError for anything but one
    SELECT, an unknown or missing parameter, or a value that does not fit; EngineError where the engine refuses.
    """
    sql = question if isinstance(question, str) else question.sql
    declared = () if isinstance(question, str) else question.parameters
    subject = "the query" if isinstance(question, str) else f"query {question.name}"
    try:
        tree = parse(sql)
    except Refused as refused:
        raise UsageError(subject, refused.fact, refused.remedy) from refused
    _read_only(tree, subject)
    refuse_reaching_out(tree, subject)
    spell_streams(tree, {model.name for model in warehouse.models} | warehouse.raw_tables().keys())
    bound = _bind(tree, declared, dict(values or {}), subject)
    text = translate(tree, warehouse.engine.dialect)
    with warehouse.engine.transaction():
        if warehouse.engine.dialect == "postgres":
            warehouse.engine.execute("SET TRANSACTION READ ONLY")
        return Answered(*warehouse.engine.ask(text, bound))


def _read_only(tree: exp.Query, subject: str) -> None:
    for node in tree.walk():
        if isinstance(
            node, (exp.Insert, exp.Update, exp.Delete, exp.Into, exp.Command, exp.Copy, exp.DDL)
        ) and not isinstance(node, exp.Query):
            raise UsageError(
                subject, f"it would {node.key}", "Ask with one SELECT; data comes in by sources and models."
            )


def _bind(tree: exp.Query, declared: Sequence[Parameter], values: dict[str, str], subject: str) -> list[Any]:
    """Replace `$name` by numbered parameters, cast to their declared types; answer the values in order."""
    known = {parameter.name: parameter for parameter in declared}
    for name in values:
        if name not in known:
            near = get_close_matches(name, list(known), n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(known) or 'no parameters'}."
            raise UsageError(subject, f"there is no parameter {name!r}", remedy)
    bound: list[Any] = []
    numbers: dict[str, list[int]] = {}
    for node in list(tree.find_all(exp.Parameter, exp.Placeholder)):
        name = node.name
        parameter = known.get(name)
        if parameter is None:
            raise UsageError(
                subject, f"the parameter ${name} is not declared", f"Add `-- param: {name} TYPE` to the query's header."
            )
        if name not in values:
            if parameter.default is None:
                raise UsageError(
                    subject,
                    f"the parameter {name!r} is missing",
                    f"Give it with `--param {name}=…` ({parameter.type}).",
                )
            node.replace(exp.cast(parse(f"SELECT {parameter.default}").selects[0], parameter.type, dialect="duckdb"))
            continue
        if name not in numbers:
            given = _texts(values[name]) if parameter.type.endswith("[]") else [values[name]]
            item = replace(parameter, type=parameter.type.removesuffix("[]"))
            numbers[name] = [len(bound) + place for place in range(1, len(given) + 1)]
            bound += [_value(each, item, subject) for each in given]
        node.replace(_bound(numbers[name], parameter.type))
    return bound


def _bound(numbers: Sequence[int], kind: str) -> exp.Expr:
    """A parameter's value in SQL; that of a list is an array of as many parameters as it has items."""
    item = kind.removesuffix("[]")
    casts = [
        exp.cast(exp.cast(exp.Parameter(this=exp.Literal.number(number)), "text"), item, dialect="duckdb")
        for number in numbers
    ]
    return exp.cast(exp.Array(expressions=casts), kind, dialect="duckdb") if kind != item else casts[0]


def _texts(text: str) -> list[str]:
    """The items of a list: a JSON array, or texts between commas."""
    if text.lstrip().startswith("["):
        with suppress(ValueError):
            found = json.loads(text)
            return [each if isinstance(each, str) else json.dumps(each) for each in found]
    return [part.strip() for part in text.split(",") if part.strip()]


def _value(text: str, parameter: Parameter, subject: str) -> str:
    patterns = {
        "integer": r"[+-]?\d+", "int": r"[+-]?\d+", "bigint": r"[+-]?\d+", "double": r"[+-]?[\d.]+([eE][+-]?\d+)?",
        "date": r"\d{4}-\d{2}-\d{2}", "boolean": r"(?i:true|false|t|f|0|1)",
    }  # fmt: skip
    pattern = patterns.get(parameter.type.lower())
    if pattern is not None and not re.fullmatch(pattern, text.strip()):
        raise UsageError(
            subject,
            f"{text!r} is not a {parameter.type.upper()}, as the parameter {parameter.name!r} must be",
            f"Give it with `--param {parameter.name}=…`.",
        )
    return text
