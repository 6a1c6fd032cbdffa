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
from asterism.plan.tree import has_aggregate

_OWN = "_own_"
"""Stands for the warehouse's own schema while sqlglot wants every table to have one."""


def qualify(query: exp.Query, tables: Mapping[str, Table]) -> exp.Query:
    """Answer a qualified copy of `query` over `tables`. Raises Refused for a table or column that isn't there."""
    query = query.copy()
    spell_streams(query, tables)
    _spell(query, tables.values())
    _known_tables(query, tables)
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for table in tables.values():
        own, _, name = table.name.rpartition(".")
        named = schema.setdefault(_quoted(own or _OWN), {})
        named[_quoted(name)] = {_quoted(column.name): column.type or "VARCHAR" for column in table.columns}
    try:
        query = optimizer.qualify(query, schema=dict[str, object](schema), db=_OWN, dialect=DIALECT)
    except (OptimizeError, SchemaError) as error:
        message = re.sub(r"\.? Line: \d+, Col: \d+.*", "", str(error), flags=re.DOTALL)
        raise Refused(message, _near(message, tables), line_of(str(error))) from error
    for table_node in query.find_all(exp.Table):
        if table_node.db == _OWN:
            table_node.set("db", None)
    _group_by_all(query)
    _semi_joins(query)
    _commas(query)
    _right_join_first(query)
    _order_without_limit(query)
    return query


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
    found = []
    for table in query.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not _is_cte(table):
            name = f"{table.db}.{table.name}" if table.db else table.name
            found.append((name, int(table.this.meta.get("line") or 1)))
    return found


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


def _spell(query: exp.Query, tables: Iterable[Table]) -> None:
    """DuckDB ignores case, PostgreSQL minds it: write each name as it was declared or first seen."""
    spelling: dict[str, str] = {}
    for table in tables:
        for name in (*table.name.split("."), *table.column_names):
            spelling.setdefault(name.lower(), name)
    for identifier in query.find_all(exp.Identifier, bfs=False):
        identifier.set("this", spelling.setdefault(identifier.name.lower(), identifier.name))


def _known_tables(query: exp.Query, tables: Mapping[str, Table]) -> None:
    for name, line in sources(query):
        if name not in tables:
            raise Refused(
                f"there is no table {name!r}",
                _close(name, tables) or "Pull it from a source, or write its model.",
                line,
            )


def _near(message: str, tables: Mapping[str, Table]) -> str:
    match = re.search(r"[Cc]olumn '([^']+)'", message)
    if match is None:
        return "Correct the SQL; it is DuckDB's dialect."
    columns = {column for table in tables.values() for column in table.column_names}
    return (
        _close(match[1].strip('"').rpartition(".")[2].strip('"'), columns)
        or "Correct the name, or add the column to the table it should come from."
    )


def _close(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(each) for each in near)}?" if near else ""


def _group_by_all(query: exp.Query) -> None:
    for select in query.find_all(exp.Select):
        group = select.args.get("group")
        if group is not None and group.args.get("all"):
            plain = [each.unalias() for each in select.expressions if not has_aggregate(each)]
            select.set("group", exp.Group(expressions=[each.copy() for each in plain]) if plain else None)


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
