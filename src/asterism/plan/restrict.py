"""The same SELECT, for the rows of a scope only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from asterism.plan.tree import Item, branches, has_aggregate, has_subquery, is_plain, items, outputs, refs


@dataclass(frozen=True, slots=True)
class Scope:
    """A table of distinct keys with columns `s0`, `s1` …; `nullable` says in which of them a NULL stands."""

    table: str
    nullable: tuple[bool, ...]


def restrict(query: exp.Query, keys: Sequence[Sequence[exp.Expr]], scope: Scope) -> exp.Query:
    """A copy of `query` whose rows are those with a key in `scope`; `keys` holds each branch's key expressions.

    The scope is joined as deep as it can be, below every join and UNION ALL that its key comes through. Its rows are
    distinct, so the join multiplies nothing, and an engine is free to begin with it.
    """
    query = query.copy()
    for branch, key in zip(branches(query), keys, strict=True):
        _restrict(branch, list(key), scope)
    return query


def _restrict(select: exp.Select, key: list[exp.Expr], scope: Scope) -> None:
    read = {alias for each in key for alias in refs(each)}
    found = items(select)
    if len(read) == 1:
        item = next((each for each in found if each.alias in read), None)
        if item is not None and not item.optional and not item.lateral:
            item.node.replace(_restricted(item, key, scope))
            return
    select.append("joins", _join(key, scope))


def _restricted(item: Item, key: list[exp.Expr], scope: Scope) -> exp.Expr:
    node = item.node
    if isinstance(node, exp.Subquery) and is_plain(node.this):
        inner = _keys_below(node.this, item.alias, key)
        if inner is not None:
            node = node.copy()
            for branch, below in zip(branches(node.this), inner, strict=True):
                _restrict(branch, below, scope)
            return node
    star = exp.Column(this=exp.Star(), table=exp.to_identifier(item.alias, quoted=True))
    narrowed = exp.Select(expressions=[star]).from_(node.copy())
    narrowed.append("joins", _join(key, scope))
    return narrowed.subquery(exp.to_identifier(item.alias, quoted=True))


def _keys_below(query: exp.Query, alias: str, key: list[exp.Expr]) -> list[list[exp.Expr]] | None:
    """The key in terms of each branch of a derived table, or None where it cannot be said row by row."""
    found: list[list[exp.Expr]] = []
    names = list(outputs(branches(query)[0]))
    for branch in branches(query):
        values = dict(zip(names, (each.unalias() for each in branch.expressions), strict=True))
        below = []
        for each in key:
            holder = exp.Paren(this=each.copy())
            for column in list(holder.find_all(exp.Column)):
                if column.table == alias:
                    if column.name not in values:
                        return None
                    column.replace(exp.Paren(this=values[column.name].copy()))
            if not is_row_level(holder) or any(isinstance(node, exp.Unnest | exp.Explode) for node in holder.walk()):
                return None
            below.append(holder.this)
        found.append(below)
    return found


def is_row_level(expression: exp.Expr) -> bool:
    """Whether an expression's value depends on one row alone."""
    if has_subquery(expression) or has_aggregate(expression) or expression.find(exp.Window):
        return False
    return not any(isinstance(node, (exp.Unnest, exp.Explode)) for node in expression.walk())


def _join(key: list[exp.Expr], scope: Scope) -> exp.Join:
    return exp.Join(
        this=exp.table_(scope.table, alias="_s", quoted=True),
        on=same_key(
            key, [exp.column(f"s{place}", table="_s", quoted=True) for place in range(len(key))], scope.nullable
        ),
    )


def same_key(left: Sequence[exp.Expr], right: Sequence[exp.Expr], nullable: Sequence[bool]) -> exp.Expr:
    """Equality of two keys, null-safe where a NULL can stand."""
    terms = [
        exp.Anonymous(this="_same", expressions=[one.copy(), other.copy()])
        if null
        else exp.EQ(this=exp.Paren(this=one.copy()), expression=other.copy())
        for one, other, null in zip(left, right, nullable, strict=True)
    ]
    return exp.and_(*terms) if terms else exp.true()
