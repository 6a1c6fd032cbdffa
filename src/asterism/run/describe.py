"""Describe: a model, a query, a stream or a source's table, its columns, where they come from, how it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.scope import build_scope

from asterism.declare.model import Model, Query
from asterism.declare.table import Column, Table
from asterism.errors import AsterismError, UsageError
from asterism.plan.compile import Compiled
from asterism.plan.parse import DIALECT, Refused, parse
from asterism.plan.qualify import qualify, sources, spell_streams
from asterism.plan.translate import translate
from asterism.plan.tree import table_name
from asterism.project.load import Project
from asterism.project.nearest import suggestion
from asterism.run.session import quote
from asterism.run.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class DescribedColumn:
    """A column. `upstream` are the columns, `table.column`, that its values are made from."""

    name: str
    type: str
    comment: str
    upstream: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """Times are naive UTC; what does not apply or is not known is empty, or None."""

    name: str
    kind: str
    """`dimension`, `fact`, `mart`, `query`, `stream` or `table`."""
    description: str
    columns: tuple[DescribedColumn, ...]
    key: tuple[str, ...] = ()
    history: bool = False
    maintenance: str = ""
    """How a model is kept current, and why so."""
    layout: str = ""
    """How its rows lie, on an engine that lets that be said."""
    state: str = ""
    """Of a model: `current`, `held`, `waiting`, `wrong` or `new`."""
    error: str = ""
    refreshed_at: datetime | None = None
    rows: int | None = None
    inputs: tuple[str, ...] = ()
    dependents: tuple[str, ...] = ()
    """Models and queries that read it."""
    parameters: tuple[tuple[str, str, str | None], ...] = ()
    """Of a query: name, type, default."""


def describe(warehouse: Warehouse, project: Project, name: str) -> Described:
    """Describe one; a stream goes by its own name or its table's. Raises UsageError for one that is not there."""
    return _Describer(warehouse, project).describe(name)


def describe_all(warehouse: Warehouse, project: Project) -> list[Described]:
    """Every model, and every table behind them."""
    describer = _Describer(warehouse, project)
    return [describer.describe(name) for name in (*project.models, *sorted(warehouse.raw_tables()))]


class _Describer:
    """Describes many with what was compiled once."""

    def __init__(self, warehouse: Warehouse, project: Project) -> None:
        self._warehouse = warehouse
        self._project = project
        self._raw = warehouse.raw_tables()
        self._compiled: Compiled = warehouse.compiled(self._raw.values())
        declared: list[Model | Query] = [*project.models.values(), *project.queries.values()]
        self._reads = {each.name: self._inputs(each) for each in declared}
        self._trees: dict[str, exp.Query | None] = {}
        self._upstream: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._comments: dict[str, Mapping[str, str]] = {}

    def describe(self, name: str) -> Described:
        project = self._project
        if name in project.models:
            return self._model(project.models[name])
        if name in project.queries:
            return self._query(project.queries[name])
        stream = next((each for each in project.platform.streams if name in {each.name, each.table}), None)
        table = stream.table if stream is not None else name
        if table in self._raw or stream is not None:
            return self._table(table, "stream" if stream is not None else "table")
        known = [*project.models, *project.queries, *(each.name for each in project.platform.streams), *self._raw]
        raise UsageError(name, "is no model, query, stream or table here", suggestion(name, known))

    def _model(self, model: Model) -> Described:
        stored = {column.name: column for column in self._warehouse.engine.columns(model.name)}
        upstream, comments = self._lineage(model), self._comments_of(model.name)
        names = [*stored] or [*upstream]
        columns = tuple(
            DescribedColumn(
                name, stored[name].type if name in stored else "", comments.get(name, ""), upstream.get(name, ())
            )
            for name in names
        )
        plan = next((each for each in self._compiled.plans if each.table.name == model.name), None)
        noted = self._warehouse.ledger.models().get(model.name)
        state, error = self._warehouse.unplanned(self._compiled).get(model.name, ("new", ""))
        if plan is not None and noted is not None:
            state, error = noted.state, noted.error
        return Described(
            model.name,
            model.kind,
            model.description,
            columns,
            plan.table.key if plan is not None else model.key,
            history=model.history is not None,
            maintenance=plan.maintenance if plan is not None else "",
            layout=str(model.layout or ""),
            state=state,
            error=error,
            refreshed_at=noted.refreshed_at if noted is not None else None,
            rows=self._rows(model.name, " WHERE is_current" if model.history else "") if stored else None,
            inputs=self._reads[model.name],
            dependents=self._dependents(model.name),
        )

    def _query(self, query: Query) -> Described:
        upstream, comments = self._lineage(query), self._comments_of(query.name)
        types = {column.name: column.type for column in self._shape(query)}
        columns = tuple(
            DescribedColumn(name, types.get(name, ""), comments.get(name, ""), upstream.get(name, ()))
            for name in types or upstream
        )
        parameters = tuple((each.name, each.type, each.default) for each in query.parameters)
        inputs = self._reads[query.name]
        return Described(query.name, "query", query.description, columns, inputs=inputs, parameters=parameters)

    def _table(self, name: str, kind: str) -> Described:
        known = self._raw.get(name) or Table(name, (), ())
        columns = tuple(DescribedColumn(each.name, each.type, each.comment) for each in known.columns)
        rows = self._rows(name) if known.columns else None
        return Described(name, kind, "", columns, known.key, rows=rows, dependents=self._dependents(name))

    def _rows(self, table: str, condition: str = "") -> int:
        return int(self._warehouse.session.rows(f"SELECT count(*) FROM {quote(table)}{condition}")[0][0])

    def _shape(self, query: Query) -> Sequence[Column]:
        """The columns of a query's answer, whatever its parameters."""
        try:
            tree = _without_parameters(query, parse(query.sql))
            spell_streams(tree, self._compiled.tables)
            reader = self._warehouse.engine.reader()
            try:
                return reader.shape(translate(tree, self._warehouse.engine.dialect))
            finally:
                reader.close()
        except (Refused, AsterismError):
            return ()

    def _inputs(self, declared: Model | Query) -> tuple[str, ...]:
        try:
            tree = parse(declared.sql)
        except Refused:
            return ()
        spell_streams(tree, {*self._project.models, *self._raw, *(s.table for s in self._project.platform.streams)})
        return tuple(dict.fromkeys(name for name, _ in sources(tree)))

    def _dependents(self, name: str) -> tuple[str, ...]:
        return tuple(each for each, read in self._reads.items() if name in read)

    def _qualified(self, declared: Model | Query) -> exp.Query | None:
        """Its SELECT, in which each column knows its table; None for one that is wrong."""
        if declared.name not in self._trees:
            try:
                tree = parse(declared.sql)
                if isinstance(declared, Query):
                    tree = _without_parameters(declared, tree)
                self._trees[declared.name] = qualify(tree, self._compiled.tables)
            except Refused:
                self._trees[declared.name] = None
        return self._trees[declared.name]

    def _lineage(self, declared: Model | Query) -> Mapping[str, tuple[str, ...]]:
        """For each column, those of tables that its values are made from."""
        if declared.name not in self._upstream:
            tree = self._qualified(declared)
            self._upstream[declared.name] = _lineage(tree) if tree is not None else {}
        return self._upstream[declared.name]

    def _comments_of(self, name: str) -> Mapping[str, str]:
        """Comments of columns: what stands behind them in the SELECT, else what the column says that they are."""
        if name not in self._comments:
            self._comments[name] = {}  # a circle of models ends here
            self._comments[name] = dict(self._commented(name))
        return self._comments[name]

    def _commented(self, name: str) -> Iterator[tuple[str, str]]:
        project = self._project
        declared = project.models.get(name) or project.queries.get(name)
        if declared is None:
            yield from ((each.name, each.comment) for each in self._raw[name].columns if each.comment)
            return
        tree = self._qualified(declared)
        upstream = self._lineage(declared)
        for item in tree.selects if tree is not None else ():
            said = [text.strip() for node in item.walk() for text in node.comments or ()]
            origin = upstream.get(item.alias_or_name, ())
            if said:
                yield item.alias_or_name, said[-1]
            elif isinstance(item.unalias(), exp.Column) and len(origin) == 1:
                table, _, column = origin[0].rpartition(".")
                if table in project.models or table in self._raw:
                    yield item.alias_or_name, self._comments_of(table).get(column, "")


def _lineage(tree: exp.Query) -> dict[str, tuple[str, ...]]:
    """For each column of a qualified SELECT, those of tables that its values are made from."""
    found: dict[str, tuple[str, ...]] = {}
    scope = build_scope(tree)
    for name in tree.named_selects:
        try:
            # Without copies of the tree: with them the time grows with the square of the columns.
            root = lineage(name, tree, {}, scope=scope, dialect=DIALECT, trim_selects=False, copy=False)
        except (SqlglotError, ValueError):  # a form that it does not follow
            found[name] = ()
            continue
        nodes = [] if isinstance(root, dict) else root.walk()
        leaves = (node for node in nodes if isinstance(node.expression, exp.Table))
        found[name] = tuple(
            sorted({f"{table_name(leaf.expression)}.{exp.to_column(leaf.name).name}" for leaf in leaves})
        )
    return found


def _without_parameters(query: Query, tree: exp.Query) -> exp.Query:
    types = {parameter.name: parameter.type for parameter in query.parameters}
    for node in [*tree.find_all(exp.Parameter, exp.Placeholder)]:
        node.replace(exp.cast(exp.null(), types.get(node.name, "text"), dialect="duckdb"))
    return tree
