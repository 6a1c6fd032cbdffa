"""A derived table that aggregates, ranks or removes duplicates becomes a stored table of its own, out of sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from asterism.declare.table import Column, Table
from asterism.plan.determine import row_key
from asterism.plan.tree import Unprovable, branches, is_grouped, is_plain, items, outputs, refs, windows

SCHEMA = "_asterism"


@dataclass(frozen=True)
class Hidden:
    """A table that the user did not name: `query` defines it, `key` identifies its rows."""

    table: Table
    query: exp.Query


def hide(query: exp.Query, owner: str, tables: Mapping[str, Table]) -> tuple[exp.Query, list[Hidden]]:
    """Answer the query with its complex derived tables replaced by stored ones, and those, inputs first.

    Raises Unprovable where one cannot be stored: it refers to its surroundings, or its rows have no key.
    """
    query = query.copy()
    known = dict(tables)
    found: dict[str, Hidden] = {}
    for derived in reversed(list(query.find_all(exp.Subquery, bfs=True))):
        if not isinstance(derived.parent, (exp.From, exp.Join)) or not isinstance(derived.this, exp.Query):
            continue
        if is_plain(derived.this):
            continue
        text = derived.this.sql("duckdb")
        if text not in found:
            name = f"{SCHEMA}.{owner.replace('.', '__')}__{derived.alias or 'derived'}_{len(found) + 1}"
            found[text] = _store(derived.this.copy(), name, known)
            known[name] = found[text].table
        schema, _, name = found[text].table.name.partition(".")
        derived.replace(exp.table_(name, db=schema, alias=derived.alias, quoted=True))
    return query, list(found.values())


def _store(query: exp.Query, name: str, tables: Mapping[str, Table]) -> Hidden:
    _uncorrelated(query)
    if isinstance(query, exp.Select) and not (query.args.get("distinct") and not query.args["distinct"].args.get("on")):
        key = _key(query, tables)
        for number, window in enumerate(windows(query)):
            for place, partition in enumerate(window.args.get("partition_by") or ()):
                _ensure(query, partition, f"_p{number}_{place}")
    else:
        key = tuple(outputs(branches(query)[0]))
    columns = tuple(Column(column, "") for column in outputs(branches(query)[0]))
    return Hidden(Table(name, columns, key), query)


def _key(select: exp.Select, tables: Mapping[str, Table]) -> tuple[str, ...]:
    group = select.args.get("group")
    if group is not None:
        if any(group.args.get(each) for each in ("grouping_sets", "rollup", "cube", "totals")):
            raise Unprovable("GROUPING SETS, ROLLUP or CUBE")
        parts = [each.copy() for each in group.expressions]
        if any(isinstance(each, (exp.GroupingSets, exp.Rollup, exp.Cube)) for each in parts):
            raise Unprovable("GROUPING SETS, ROLLUP or CUBE")
    elif is_grouped(select):
        parts = [exp.Literal.number(0)]
    else:
        parts = row_key(items(select), tables)
    return tuple(_ensure(select, part, f"_k{place}") for place, part in enumerate(parts))


def _ensure(select: exp.Select, expression: exp.Expr, name: str) -> str:
    """The output column that holds `expression`, added as `name` where there is none."""
    text = expression.sql()
    for column, present in outputs(select).items():
        if present.sql() == text:
            return column
    select.append("expressions", exp.alias_(expression.copy(), name, quoted=True))
    return name


def _uncorrelated(query: exp.Query) -> None:
    for select in query.find_all(exp.Select):
        inside = {item.alias for outer in _selects_around(select, query) for item in items(outer)}
        for alias in refs(select):
            if alias and alias not in inside and not _defined_below(select, alias):
                raise Unprovable("a derived table that refers to its surroundings")


def _selects_around(select: exp.Select, top: exp.Query) -> list[exp.Select]:
    found: list[exp.Select] = []
    node: exp.Expr | None = select
    while node is not None:
        if isinstance(node, exp.Select):
            found.append(node)
        if node is top:
            break
        node = node.parent
    return found


def _defined_below(select: exp.Select, alias: str) -> bool:
    return any(
        (isinstance(node, (exp.Table, exp.Subquery, exp.Unnest)) and node.alias_or_name == alias)
        for node in select.walk()
    )
