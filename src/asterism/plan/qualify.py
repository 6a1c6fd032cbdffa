"""Every column knows its table; stars, USING, positional and aliased references are spelled out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from sqlglot import exp
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer import qualify as optimizer

from asterism.declare.table import Table
from asterism.plan.parse import DIALECT, Refused, line_of
from asterism.plan.spell import respell, spell, written
from asterism.plan.tree import has_aggregate

_OWN = "_own_"
"""Stands for the warehouse's own schema while sqlglot wants every table to have one."""


def qualify(query: exp.Query, tables: Mapping[str, Table]) -> exp.Query:
    """Answer a qualified copy of `query` over `tables`. Raises Refused for tables or columns that aren't there."""
    query = query.copy()
    spell_streams(query, tables)
    canonical = spell(query, tables.values())
    _known_tables(query, tables)
    _named_windows(query)
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for table in tables.values():
        own, _, name = table.name.rpartition(".")
        named = schema.setdefault(_quoted(own or _OWN), {})
        columns = {_quoted(canonical[column.name.lower()]): column.type or "VARCHAR" for column in table.columns}
        named[_quoted(name)] = columns
    query = _resolved(query, schema, tables)
    for table_node in query.find_all(exp.Table):
        if table_node.db == _OWN:
            table_node.set("db", None)
    respell(query, tables)
    _group_by_all(query)
    _semi_joins(query)
    _commas(query)
    _right_join_first(query)
    _order_without_limit(query)
    return query


def _resolved(query: exp.Query, schema: Mapping[str, object], tables: Mapping[str, Table]) -> exp.Query:
    """The query with each column at its table. Raises Refused with every column that has none, or several."""
    found: dict[str, Refused] = {}
    while True:
        try:
            resolved = optimizer.qualify(query.copy(), schema=dict(schema), db=_OWN, dialect=DIALECT)
        except (OptimizeError, SchemaError) as error:
            column = _meant(str(error), query, tables)
            if column is None:
                message = re.sub(r"\.? Line: \d+, Col: \d+.*", "", str(error), flags=re.DOTALL)
                refused = Refused(message, "Correct the SQL; it is DuckDB's dialect.", line_of(str(error)))
                raise refused.with_others(found.values()) from error
            refused = _unresolved(column, query, tables)
            found.setdefault(refused.fact, refused)
            # The others are looked for without it.
            null: exp.Expr = exp.null()
            column.replace(exp.alias_(null, column.name, quoted=True) if column.arg_key == "expressions" else null)
            continue
        if found:
            first, *others = sorted(found.values(), key=lambda each: each.line)
            raise first.with_others(others)
        return resolved


def _meant(message: str, query: exp.Query, tables: Mapping[str, Table]) -> exp.Column | None:
    """The column that sqlglot's message is about, by its place or, where that isn't told, by its name."""
    place = re.search(r"Line: (\d+), Col: (\d+)", message)
    name = re.fullmatch(r"Unknown column: (.*)", message)
    aliases = {alias: table for table, alias in _aliased(query)}
    for column in query.find_all(exp.Column):
        at = column.this.meta
        if place is not None and (at.get("line"), at.get("col")) == (int(place[1]), int(place[2])):
            return column
        if name is not None and column.table and column.name == name[1]:
            table = tables.get(aliases.get(column.table, ""))
            if table is None or not _has(table, column.name):
                return column
    return None


def _aliased(query: exp.Query) -> list[tuple[str, str]]:
    """The tables that stand in FROM, each with the name by which it is called there."""
    found = [(f"{node.db}.{node.name}" if node.db else node.name, node.alias_or_name) for node in _tables(query)]
    return sorted(found, key=lambda each: each[1])


def _tables(query: exp.Query) -> list[exp.Table]:
    return [node for node in query.find_all(exp.Table) if isinstance(node.this, exp.Identifier) and not _is_cte(node)]


def _quoted(name: str) -> str:
    """As sqlglot reads the names of a schema as SQL: `$schema` alone would be a parameter."""
    return str(exp.to_identifier(name, quoted=True).sql(dialect=DIALECT))


def spell_streams(query: exp.Query, tables: Collection[str]) -> None:
    """Write `streams.name` where a table is called by the stream's `name` alone, and no other table has that name."""
    for table in query.find_all(exp.Table):
        full = f"streams.{table.name}"
        if not table.db and table.name not in tables and full in tables and not _is_cte(table):
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("db", exp.to_identifier("streams"))


def sources(query: exp.Query) -> list[tuple[str, int]]:
    """The tables a parsed query names, CTEs aside, each with its line."""
    return [
        (f"{table.db}.{table.name}" if table.db else table.name, int(table.this.meta.get("line") or 1))
        for table in _tables(query)
    ]


def _is_cte(table: exp.Table) -> bool:
    if table.db:
        return False
    node: exp.Expr | None = table
    while node is not None:
        with_ = node.args.get("with_")
        if with_ and any(cte.alias.lower() == table.name.lower() for cte in with_.expressions):
            return True
        node = node.parent
    return False


def _known_tables(query: exp.Query, tables: Mapping[str, Table]) -> None:
    unknown = {name: line for name, line in reversed(sources(query)) if name not in tables}
    if unknown:
        first, *others = (
            Refused(
                f"there is no table {name!r}",
                _close(name, tables) or "Pull it from a source, or write its model.",
                line,
            )
            for name, line in sorted(unknown.items(), key=lambda each: each[1])
        )
        raise first.with_others(others)


def _unresolved(column: exp.Column, query: exp.Query, tables: Mapping[str, Table]) -> Refused:
    """A column that no table has, or more than one."""
    name, line = written(column.this), int(column.this.meta.get("line") or 1)
    having = [(table, alias) for table, alias in _aliased(query) if table in tables and _has(tables[table], name)]
    if len(having) > 1 and not column.table:
        fact = f"the column {name!r} could be that of {' or '.join(table for table, _ in having)}"
        places = " or ".join(f"`{alias}.{name}`" for _, alias in having)
        return Refused(fact, f"Write its table before it: {places}.", line)
    columns = {each for table, _ in _aliased(query) if table in tables for each in tables[table].column_names}
    remedy = _close(name, columns) or "Correct the name, or add the column to the table it should come from."
    return Refused(f"there is no column {column.table + '.' if column.table else ''}{name}", remedy, line)


def _has(table: Table, name: str) -> bool:
    return any(column.lower() == name.lower() for column in table.column_names)


def _close(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(each) for each in near)}?" if near else ""


def _group_by_all(query: exp.Query) -> None:
    for select in query.find_all(exp.Select):
        group = select.args.get("group")
        if group is not None and group.args.get("all"):
            plain = [each.unalias() for each in select.expressions if not has_aggregate(each)]
            select.set("group", exp.Group(expressions=[each.copy() for each in plain]) if plain else None)


def _named_windows(query: exp.Query) -> None:
    """`OVER w` is written out: what stands behind WINDOW goes to where it is used."""
    for select in query.find_all(exp.Select):
        named: dict[str, exp.Window] = {}
        for window in select.args.get("windows") or ():
            _write_out(window, named)
            named[window.name.lower()] = window
        select.set("windows", None)
        for window in select.find_all(exp.Window):
            if window.find_ancestor(exp.Select) is select:
                _write_out(window, named)


def _write_out(window: exp.Window, named: Mapping[str, exp.Window]) -> None:
    alias = window.text("alias")
    if not alias:
        return
    if alias.lower() not in named:
        raise Refused(f"there is no window {alias!r}", "Add it behind WINDOW, or write it out.")
    window.set("alias", None)
    for part in ("partition_by", "order", "spec"):
        given = named[alias.lower()].args.get(part)
        if given and not window.args.get(part):
            window.set(part, [each.copy() for each in given] if isinstance(given, list) else given.copy())


def _semi_joins(query: exp.Query) -> None:
    """A SEMI or ANTI JOIN is an EXISTS or NOT EXISTS over that table."""
    for select in list(query.find_all(exp.Select)):
        for join in list(select.args.get("joins") or ()):
            if join.kind.upper() in ("SEMI", "ANTI") and not join.method:
                inner = exp.select("1").from_(join.this.copy()).where(join.args.get("on") or exp.true())
                inner.set("expressions", [exp.alias_(exp.Literal.number(1), "one", quoted=True)])
                condition: exp.Expr = exp.Exists(this=inner)
                select.where(exp.Not(this=condition) if join.kind.upper() == "ANTI" else condition, copy=False)
                join.pop()


def _commas(query: exp.Query) -> None:
    """A comma binds like a join, from left to right, as in DuckDB; elsewhere it binds less."""
    for join in query.find_all(exp.Join):
        if not any(join.args.get(each) for each in ("kind", "side", "method", "on", "using")):
            join.set("kind", "CROSS")


def _right_join_first(query: exp.Query) -> None:
    """`a RIGHT JOIN b` that comes first is `b LEFT JOIN a`."""
    for select in query.find_all(exp.Select):
        joins = select.args.get("joins") or []
        if joins and joins[0].side.upper() == "RIGHT" and not joins[0].method:
            first, second = select.args["from_"].this, joins[0].this
            select.args["from_"].set("this", second.copy())
            joins[0].set("this", first.copy())
            joins[0].set("side", "LEFT")


def _order_without_limit(query: exp.Query) -> None:
    """The order of a stored table's rows means nothing."""
    for each in query.find_all(exp.Query):
        if each.args.get("order") and not each.args.get("limit") and not each.args.get("distinct"):
            each.set("order", None)
