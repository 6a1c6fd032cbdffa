"""Rows of a SELECT DISTINCT that are surely there, found without reading the tables whole.

A changed table's new rows, put in its place in FROM, give rows that the SELECT gives now. A key among them needs no
look at the rest of the table: only keys that came from rows as they were, and not from rows as they are, may be gone.
"""

from __future__ import annotations

from sqlglot import exp

from asterism.plan.scope import Changes, Delta
from asterism.plan.tree import has_subquery, leaves, named_table, table_name


def is_distinct(query: exp.Query) -> bool:
    """Whether this way is open: one SELECT DISTINCT whose columns are values of one row."""
    return (
        isinstance(query, exp.Select)
        and query.args.get("distinct") is not None
        and not any(has_subquery(each) for each in query.expressions)
    )


def present(query: exp.Query, changes: Changes) -> exp.Query | None:
    """A SELECT of rows that `query` has now, from the new rows of its changed inputs; None where none can be told."""
    parts = [
        made
        for leaf in leaves(query)
        if table_name(leaf) in changes
        and (made := _with(query, leaf.meta["leaf"], changes[table_name(leaf)])) is not None
    ]
    if not parts:
        return None
    return exp.union(*parts, distinct=True, copy=False) if len(parts) > 1 else parts[0]


def _with(query: exp.Query, leaf: int, delta: Delta) -> exp.Query | None:
    """The query with the new rows of one leaf in its place, and without the branches that it is not in."""
    query = query.copy()
    node: exp.Expr = next(each for each in leaves(query) if each.meta.get("leaf") == leaf)
    rows = exp.select("*").from_(named_table(delta.after))
    taken = rows.subquery(exp.to_identifier(node.alias_or_name, quoted=True))
    node.replace(taken)
    node = taken
    while node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.Join) and parent.side.upper() == "LEFT":
            return None  # its unmatched rows would be those of the change set, not of the table
        if isinstance(parent, (exp.Exists, exp.In, exp.Where)):
            return None
        if isinstance(parent, exp.SetOperation):
            names = [each.alias_or_name for each in _first(parent).expressions]
            chosen = node.copy()
            for select, name in zip(_first(chosen).expressions, names, strict=True):
                select.replace(exp.alias_(select.unalias().copy(), name, quoted=True))
            parent.replace(chosen)
            node = chosen
            continue
        node = parent
    return query


def _first(query: exp.Expr) -> exp.Select:
    while not isinstance(query, exp.Select):
        query = query.left if isinstance(query, exp.SetOperation) else query.this
    return query
