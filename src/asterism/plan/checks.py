"""The checks of a model, read as SQL: what they may say, and the condition that a row meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache

from sqlglot import exp

from asterism.declare.model import Check, Model
from asterism.declare.table import Table
from asterism.plan import clock
from asterism.plan.parse import Refused, parse

_SAID_OTHERWISE = {
    "not_null": "Write `{0} is not null`.",
    "accepted": "Write `{0} in ('one', 'other')`.",
    "accepted_values": "Write `{0} in ('one', 'other')`.",
    "references": "Write `column -> table`.",
    "relationships": "Write `column -> table`.",
    "expression": "Write the condition alone, as after WHERE.",
}
"""How other tools name their checks, and the remedy."""


def refusals(model: Model, columns: tuple[str, ...]) -> list[Refused]:
    """What is wrong with a model's checks over its own columns, in the order of the header."""
    found = []
    for check in model.checks:
        try:
            _read(check, columns)
        except Refused as refused:
            fact = f"the check `{check.text}`: {refused.fact}"
            found.append(Refused(fact, refused.remedy, check.line - model.line + 1))
    return found


def _read(check: Check, columns: tuple[str, ...]) -> None:
    names = (check.reference.column,) if check.reference else check.unique
    for name in names:
        if name not in columns:
            raise Refused(f"there is no column {name!r}", _near(name, columns))
    if not names:
        condition(check.text, columns)


def unreferable(model: Model, models: Mapping[str, Model], tables: Mapping[str, Table]) -> list[Refused]:
    """What is wrong with the tables that a model's checks refer to."""
    found = []
    for check in model.checks:
        if check.reference is None:
            continue
        name = check.reference.table
        if name not in models and name not in tables:
            fact, remedy = "is no model and no table of a source", _near(name, {*models, *tables})
        elif len(models[name].key if name in models else tables[name].key) != 1:
            fact, remedy = "has a key of several columns", "Refer to a table with a key of one column."
        else:
            continue
        found.append(Refused(f"the check `{check.text}`: {name!r} {fact}", remedy, check.line - model.line + 1))
    return found


@lru_cache(maxsize=1024)
def condition(text: str, columns: tuple[str, ...]) -> str:
    """The condition that a row with `columns` meets, in DuckDB's dialect with every name quoted. Raises Refused."""
    tree = parse(f"SELECT ({text}\n)")
    given = {name for name, value in tree.args.items() if value}
    if not isinstance(tree, exp.Select) or given != {"expressions"} or len(tree.expressions) != 1:
        raise Refused("it is not one condition", "Write one condition, as after WHERE.")
    (held,) = tree.expressions
    if clock.unit(held) is not None:
        # A row is looked at when it changes; it would come to fail with nobody looking.
        raise Refused("it reads the clock", "Compare columns, or select the comparison as a column of the model.")
    for node in [*held.walk()]:
        _refuse(node)
        if isinstance(node, exp.Column):
            if len(node.parts) > 1:
                raise Refused(f"{node.sql('duckdb')!r} is not a column", "Name the model's own columns alone.")
            node.replace(exp.column(_spelled(node.name, columns), quoted=True))
    return str(held.sql("duckdb"))


def _refuse(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous) and node.name.lower() in _SAID_OTHERWISE:
        argument = node.expressions[0].sql("duckdb") if node.expressions else "column"
        raise Refused(f"there is no {node.name}", _SAID_OTHERWISE[node.name.lower()].format(argument))
    if isinstance(node, (exp.Query, exp.AggFunc, exp.Window)):
        raise Refused("it looks beyond one row", "Write a condition over the columns of one row.")
    if isinstance(node, (exp.Parameter, exp.Placeholder, exp.Star)):
        raise Refused(f"{node.sql('duckdb')!r} has no meaning here", "Name columns and values.")


def _spelled(name: str, columns: tuple[str, ...]) -> str:
    """A column as the model spells it. Raises Refused for one that it has not."""
    folded = {each.casefold(): each for each in columns}
    if name.casefold() not in folded:
        raise Refused(f"there is no column {name!r}", _near(name, columns))
    return folded[name.casefold()]


def _near(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(each) for each in close)}?" if close else f"It has {', '.join(names)}."
