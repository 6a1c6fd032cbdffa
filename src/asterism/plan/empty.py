"""A SELECT over no rows: what an engine can say of it before there is a table, or of tables that are to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

from asterism.declare.table import Column
from asterism.plan.dialects.shared import verbatim
from asterism.plan.translate import identifier, translate
from asterism.plan.tree import leaves, table_name

_UNKNOWN = {"": "VARCHAR", '"NULL"': "INTEGER"}
"""What stands for a type that is not known, and for that of a bare NULL, as where DuckDB makes a table of one."""


def empty(query: exp.Query, tables: Mapping[str, Iterable[Column]], dialect: str) -> str:
    """A qualified query as text of `dialect`, in which the stored tables named here have these columns and no rows."""
    query = query.copy()
    for leaf in leaves(query):
        columns = tables.get(table_name(leaf))
        if columns is not None:
            beside = {
                name: value for name, value in leaf.args.items() if name not in ("this", "db", "catalog", "alias")
            }
            alias = exp.TableAlias(this=exp.to_identifier(leaf.alias_or_name, quoted=True))
            leaf.replace(exp.Subquery(this=verbatim(_nothing(columns, dialect)), alias=alias, **beside))
    return translate(query, dialect)


def _nothing(columns: Iterable[Column], dialect: str) -> str:
    values = (
        translate(f"SELECT CAST(NULL AS {_UNKNOWN.get(each.type, each.type)})", dialect)
        + f" AS {identifier(each.name, dialect)}"
        for each in columns
    )
    return f"SELECT {', '.join(each.removeprefix('SELECT ') for each in values)} WHERE false"
