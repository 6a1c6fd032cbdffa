"""DuckDB ignores the case of names, PostgreSQL minds it: every name is written as its table has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from asterism.declare.model import Model, Reference
from asterism.declare.table import Table

_WRITTEN = "written"


def spell(query: exp.Query, tables: Iterable[Table]) -> dict[str, str]:
    """Give each name one spelling, as it was declared or seen first; answer these by lower case. `respell` follows."""
    spelling: dict[str, str] = {}
    for table in tables:
        for name in (*table.name.split("."), *table.column_names):
            spelling.setdefault(name.lower(), name)
    for identifier in query.find_all(exp.Identifier, bfs=False):
        identifier.meta[_WRITTEN] = identifier.name
        identifier.set("this", spelling.setdefault(identifier.name.lower(), identifier.name))
    return spelling


def written(name: exp.Expr) -> str:
    """An identifier as it stood before `spell`."""
    return str(name.meta.get(_WRITTEN) or name.name)


def respell(query: exp.Query, tables: Mapping[str, Table]) -> None:
    """Change a qualified query in place: a column is spelled as its own table has it, an alias as it was written."""
    for scope in traverse_scope(query):
        names = {alias: _columns(source, tables) for alias, source in scope.sources.items()}
        for column in scope.columns:
            spelled = names.get(column.table, {}).get(column.name.lower())
            if spelled is not None:
                column.this.set("this", spelled)
        if isinstance(scope.expression, exp.Select):
            _aliases(scope.expression)


def header(model: Model, columns: Iterable[str]) -> Model:
    """The model, its header's names of columns spelled as the `columns` are; a name that none of them has stays."""
    spelled = {name.lower(): name for name in columns}

    def one(name: str) -> str:
        return spelled.get(name.lower(), name)

    def refers(reference: Reference) -> Reference:
        return replace(reference, column=one(reference.column))

    checks = tuple(
        replace(each, unique=tuple(map(one, each.unique)), reference=refers(each.reference) if each.reference else None)
        for each in model.checks
    )
    lies = model.layout and replace(
        model.layout,
        partition=model.layout.partition and one(model.layout.partition),
        cluster=tuple(map(one, model.layout.cluster)),
    )
    references = tuple(map(refers, model.references))
    return replace(model, key=tuple(map(one, model.key)), references=references, checks=checks, layout=lies)


def _columns(source: exp.Expr | Scope, tables: Mapping[str, Table]) -> dict[str, str]:
    if isinstance(source, Scope):
        names = source.expression.named_selects if isinstance(source.expression, exp.Query) else []
    elif isinstance(source, exp.Table):
        table = tables.get(f"{source.db}.{source.name}" if source.db else source.name)
        names = list(table.column_names) if table is not None else []
    else:
        names = []
    return {name.lower(): name for name in names}


def _aliases(select: exp.Select) -> None:
    spelled: dict[str, str] = {}
    for projection in select.expressions:
        if isinstance(projection, exp.Alias):
            identifier, column = projection.args["alias"], projection.this.find(exp.Column)
            own = column.name if column is not None and column.name.lower() == identifier.name.lower() else ""
            identifier.set("this", identifier.meta.get(_WRITTEN) or own or identifier.name)
            spelled[identifier.name.lower()] = identifier.name
    for clause in ("order", "having", "qualify", "distinct"):
        if (behind := select.args.get(clause)) is not None:
            for column in behind.find_all(exp.Column):
                if not column.table and column.name.lower() in spelled:
                    column.this.set("this", spelled[column.name.lower()])
