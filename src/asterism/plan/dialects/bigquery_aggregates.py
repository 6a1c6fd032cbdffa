"""Aggregates and lists in BigQuery: the order of rows, the first of them, and places that are counted from 1.

https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate-function-calls
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects.bigquery_types import sql
from asterism.plan.dialects.shared import Rule, refused, verbatim


def order(node: exp.Expr) -> exp.Expr:
    """In a window and in an aggregate NULLs come first, and cannot be told to come last: a term before says it."""
    if not isinstance(node.parent, exp.Window | exp.AggFunc):
        return node
    terms = []
    of_values = isinstance(node.this, exp.Distinct)  # they alone may order themselves, and none of them is NULL
    for each in node.expressions:
        value, falls, first = each.this, bool(each.args.get("desc")), bool(each.args.get("nulls_first"))
        if not of_values and first == falls:
            is_null = exp.Is(this=value.copy(), expression=exp.null())
            terms.append(exp.Ordered(this=is_null, desc=falls or None, nulls_first=not falls))
        terms.append(exp.Ordered(this=value.copy(), desc=falls or None, nulls_first=not falls))
    return exp.Order(this=node.this.copy() if isinstance(node.this, exp.Expr) else None, expressions=terms)


def _first(node: exp.Expr, *, last: bool = False) -> exp.Expr:
    """The value of the first row, which may be NULL; of some rows only, each stands in a STRUCT and others are NULL."""
    by, where = node.this if isinstance(node.this, exp.Order) else None, node.args.get("where")
    value = sql(by.this if by is not None else node.this)
    if by is None and where is None:
        return verbatim(f"ANY_VALUE({value})")
    terms = [] if by is None else [_turned(each) if last else each for each in by.expressions]
    ordered = f" ORDER BY {', '.join(map(sql, terms))}" if terms else ""
    if where is None:
        return verbatim(f"ARRAY_AGG({value}{ordered} LIMIT 1)[SAFE_OFFSET(0)]")
    some = f"IF({sql(where)}, STRUCT({value} AS _value), NULL) IGNORE NULLS"
    return verbatim(f"ARRAY_AGG({some}{ordered} LIMIT 1)[SAFE_OFFSET(0)]._value")


def _turned(term: exp.Expr) -> exp.Expr:
    falls = not term.args.get("desc")
    return exp.Ordered(this=term.this.copy(), desc=falls or None, nulls_first=not falls)


def _extreme(*, most: bool) -> Rule:
    """`arg_max` and `arg_min`: of the rows where neither is NULL."""

    def rule(node: exp.Expr) -> exp.Expr:
        if node.args.get("count"):
            return node
        value, by = sql(node.this), sql(node.expression)
        some = f"IF({by} IS NULL, NULL, {value}) IGNORE NULLS ORDER BY {by}{' DESC' if most else ''}"
        return verbatim(f"ARRAY_AGG({some} LIMIT 1)[SAFE_OFFSET(0)]")

    return rule


def _any_value(node: exp.Expr) -> exp.Expr:
    return node.this.copy() if isinstance(node.this, exp.AnyValue) else node


def _filter(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, exp.ArrayAgg):
        raise UnsupportedError("a list of some rows has a NULL for each of the others: filter them before")
    return node


def _item(node: exp.Expr) -> exp.Expr:
    """`list[n]` counts from 1, or from the end, and what is not there is NULL. sqlglot has taken 1 off."""
    place = node.expressions[0] if len(node.expressions) == 1 else None
    if place is None or isinstance(place, exp.Slice) or (isinstance(place, exp.Literal) and place.is_string):
        return node
    value = sql(node.this)
    if isinstance(place, exp.Literal):
        return verbatim(f"{value}[SAFE_ORDINAL({int(place.name) + 1})]")
    if isinstance(place, exp.Neg) and isinstance(place.this, exp.Literal):
        behind = int(place.this.name) - 1
        return verbatim(f"{value}[SAFE_ORDINAL({f'ARRAY_LENGTH({value}) + 1 - {behind}' if behind else '0'})]")
    counted = sql(place)
    return verbatim(f"{value}[SAFE_ORDINAL(IF({counted} < 0, ARRAY_LENGTH({value}) + 1 + {counted}, {counted}))]")


def _unnest(node: exp.Expr) -> exp.Expr:
    if node.args.get("offset"):
        raise UnsupportedError("BigQuery counts WITH ORDINALITY from 0")
    return node


RULES: dict[type[exp.Expr], Rule] = {
    exp.Order: order,
    exp.First: _first,
    exp.Last: lambda node: _first(node, last=True),
    exp.ArgMax: _extreme(most=True),
    exp.ArgMin: _extreme(most=False),
    exp.IgnoreNulls: _any_value,
    exp.Filter: _filter,
    exp.Bracket: _item,
    exp.Unnest: _unnest,
    exp.PositionalColumn: refused("a column is called by its name"),
}
