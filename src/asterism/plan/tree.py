"""Reading a qualified SELECT: its FROM items, its conjuncts, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp


class Unprovable(Exception):
    """An incremental refresh of this SELECT cannot be proved exact. The message completes "rebuilt in full: …"."""


@dataclass(frozen=True)
class Item:
    """One entry of FROM. `optional` is the right side of a LEFT JOIN; `lateral` names earlier items it reads."""

    alias: str
    node: exp.Expr
    optional: bool
    on: exp.Expr | None
    lateral: frozenset[str]


def items(select: exp.Select) -> list[Item]:
    """The FROM items in order. Raises Unprovable for joins that no pass understands."""
    from_ = select.args.get("from_")
    if from_ is None:
        return []
    found = [_item(from_.this, optional=False, on=None)]
    for join in select.args.get("joins") or ():
        side, kind, method = join.side.upper(), join.kind.upper(), join.method.upper()
        if method or side not in ("", "LEFT") or kind not in ("", "INNER", "CROSS", "OUTER"):
            raise Unprovable(f"a {' '.join(filter(None, (method, side, kind)))} JOIN")
        on = join.args.get("on")
        if on is not None and has_subquery(on):
            raise Unprovable("a subquery in a join's condition")
        found.append(_item(join.this, optional=side == "LEFT", on=on))
    if len({item.alias for item in found}) < len(found):
        raise Unprovable("two tables of one name in FROM")
    return found


def _item(node: exp.Expr, *, optional: bool, on: exp.Expr | None) -> Item:
    if isinstance(node, exp.Lateral) or node.args.get("sample") or node.args.get("pivots"):
        raise Unprovable(
            f"{type(node).__name__.upper() if isinstance(node, exp.Lateral) else 'SAMPLE or PIVOT'} in FROM"
        )
    if isinstance(node, exp.Subquery) and not isinstance(node.this, exp.Query):
        raise Unprovable("a join in parentheses")
    if isinstance(node, exp.Table) and node.args.get("joins"):
        raise Unprovable("a join in parentheses")
    lateral = frozenset() if is_leaf(node) or isinstance(node, exp.Subquery) else refs(node)
    return Item(node.alias_or_name, node, optional, on, lateral)


def is_leaf(node: exp.Expr) -> bool:
    """Whether the node is a stored table (not a function in FROM)."""
    return isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)


def leaves(node: exp.Expr) -> list[exp.Table]:
    """Every occurrence of a stored table, in the order of the text; CTEs are inlined by now."""
    return [table for table in node.find_all(exp.Table, bfs=False) if is_leaf(table)]


def table_name(table: exp.Expr) -> str:
    """`schema.table`, or `table` where it has no schema."""
    schema = table.text("db")
    return f"{schema}.{table.name}" if schema else str(table.name)


def named_table(name: str) -> exp.Table:
    """`schema.table` or `table`, quoted."""
    schema, _, own = name.rpartition(".")
    return exp.table_(own, db=schema or None, quoted=True)


def refs(node: exp.Expr) -> frozenset[str]:
    """The aliases that an expression reads."""
    return frozenset(column.table for column in node.find_all(exp.Column))


def conjuncts(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """The terms of a condition that AND joins."""
    if node is None:
        return
    node = node.unnest()
    if isinstance(node, exp.And):
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    else:
        yield node


def has_subquery(node: exp.Expr) -> bool:
    """Whether a query stands somewhere inside an expression."""
    return node.find(exp.Query) is not None


def has_aggregate(node: exp.Expr) -> bool:
    """Whether an expression aggregates rows. A window's own function does not count, nor what a subquery aggregates."""
    return any(not in_window(found, node) and not _in_subquery(found, node) for found in node.find_all(exp.AggFunc))


def _in_subquery(node: exp.Expr, top: exp.Expr) -> bool:
    while node is not top and node.parent is not None:
        node = node.parent
        if isinstance(node, exp.Query):
            return True
    return False


def in_window(node: exp.Expr, top: exp.Expr) -> bool:
    """Whether `node` is the function that a window below or at `top` evaluates."""
    while node is not top and node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.Window) and parent.this is node:
            return True
        if not isinstance(parent, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls)):
            return False
        node = parent
    return False


def windows(select: exp.Select) -> list[exp.Window]:
    """The windows of this SELECT's own projections and QUALIFY."""
    places = [*select.expressions, select.args.get("qualify")]
    return [window for place in places if place is not None for window in place.find_all(exp.Window)]


def is_grouped(select: exp.Select) -> bool:
    """Whether the SELECT aggregates: GROUP BY, HAVING, or an aggregate among its projections."""
    if select.args.get("group") or select.args.get("having"):
        return True
    return any(has_aggregate(projection) for projection in select.expressions)


def is_plain(query: exp.Expr) -> bool:
    """Select, project, join, filter and UNION ALL only: a row of it depends on one row of each input."""
    if isinstance(query, exp.Union):
        return not query.args.get("distinct") and not _cut(query) and is_plain(query.left) and is_plain(query.right)
    return (
        isinstance(query, exp.Select)
        and not is_grouped(query)
        and not query.args.get("distinct")
        and not query.args.get("sample")
        and not windows(query)
        and not query.args.get("qualify")
        and not _cut(query)
    )


def _cut(query: exp.Expr) -> bool:
    return bool(query.args.get("limit") or query.args.get("offset"))


def branches(query: exp.Expr) -> list[exp.Select]:
    """The SELECTs that set operations put together, from left to right."""
    if isinstance(query, exp.Subquery):
        return branches(query.this)
    if isinstance(query, exp.SetOperation):
        return [*branches(query.left), *branches(query.right)]
    if isinstance(query, exp.Select):
        return [query]
    raise Unprovable(f"a {type(query).__name__.upper()} query")


def outputs(select: exp.Select) -> dict[str, exp.Expr]:
    """Each output column's expression, by its name."""
    return {projection.alias_or_name: projection.unalias() for projection in select.expressions}
