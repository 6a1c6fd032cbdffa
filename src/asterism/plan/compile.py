"""Models to plans: what each table is made from, and how it is kept current."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from sqlglot import exp

from asterism.declare.model import Model
from asterism.declare.table import Column, Table
from asterism.errors import Problem
from asterism.plan import checks, clock
from asterism.plan.determine import determine
from asterism.plan.hidden import hide
from asterism.plan.inline import inline
from asterism.plan.parse import Refused, parse
from asterism.plan.plan import Plan, record_column
from asterism.plan.qualify import qualify, sources
from asterism.plan.restrict import Scope, is_row_level
from asterism.plan.scope import Delta, number_leaves
from asterism.plan.spell import header
from asterism.plan.tree import (
    Unprovable,
    branches,
    has_aggregate,
    is_grouped,
    is_plain,
    items,
    leaves,
    outputs,
    table_name,
    windows,
)

HISTORY_COLUMNS = (
    Column("valid_from", "TIMESTAMP", nullable=False),
    Column("valid_to", "TIMESTAMP"),
    Column("is_current", "BOOLEAN", nullable=False),
)


@dataclass(frozen=True)
class Compiled:
    """All plans, inputs first, and all that is wrong with the models."""

    plans: tuple[Plan, ...]
    problems: tuple[Problem, ...]
    tables: Mapping[str, Table]
    """Every table that a query may read, by name: the sources', and the models' with their history columns."""


def compile_models(models: Iterable[Model], tables: Mapping[str, Table], root: Path | None = None) -> Compiled:
    """Compile models over source tables. Problems are collected, never raised; `root` shortens the paths they name."""
    named = {model.name: model for model in models}
    parsed: dict[str, exp.Query] = {}
    problems: list[Problem] = []
    for model in named.values():
        try:
            parsed[model.name] = parse(model.sql)
        except Refused as refused:
            problems.append(refused.problem(where(model, root), model.line))
    order, cycles = _order(parsed, named)
    problems += [
        Problem(
            where(named[cycle[0]], root),
            f"the models form a cycle: {' → '.join(cycle)}",
            "Take one of them out of the circle.",
        )
        for cycle in cycles
    ]
    known = dict(tables)
    plans: list[Plan] = []
    broken = {name for name in named if name not in parsed} | {name for cycle in cycles for name in cycle}
    for name in order:
        model = named[name]
        if any(source in broken for source, _ in sources(parsed[name])):
            broken.add(name)
            continue
        try:
            made = _compile(model, parsed[name], known)
        except Refused as refused:
            problems += refused.problems(where(model, root), model.line)
            broken.add(name)
            continue
        model = named[name] = made[-1].model or model
        if wrong := checks.refusals(model, made[-1].table.column_names):
            problems += [refused.problem(where(model, root), model.line) for refused in wrong]
            broken.add(name)
            continue
        plans += made
        for plan in made:
            known[plan.table.name] = stored_table(plan)
    problems += _references(named, known, root)
    return Compiled(tuple(plans), tuple(problems), known)


def stored_table(plan: Plan) -> Table:
    """The table as it stands in the warehouse: with history, its record key first and its validity last."""
    if plan.model is None or plan.model.history is None:
        return plan.table
    record = record_column(plan.model)
    columns = (Column(record, "BIGINT", nullable=False), *plan.table.columns, *HISTORY_COLUMNS)
    return Table(plan.table.name, columns, (record,))


def _order(parsed: Mapping[str, exp.Query], models: Mapping[str, Model]) -> tuple[list[str], list[list[str]]]:
    """Inputs first, without what is in a cycle; and the cycles. What a check refers to comes first, where it can."""
    reads = {name: {each for each, _ in sources(query) if each in parsed} for name, query in parsed.items()}
    cycles = [[name, name] for name, inputs in reads.items() if name in inputs]
    graph = _without(reads, {name for name, _ in cycles})
    if not cycles:
        with suppress(CycleError):
            return list(TopologicalSorter(_referred_first(graph, models)).static_order()), []
    while True:
        try:
            return list(TopologicalSorter(graph).static_order()), cycles
        except CycleError as error:
            cycles.append(list(error.args[1]))
            graph = _without(graph, set(cycles[-1]))


def _without(graph: Mapping[str, set[str]], names: set[str]) -> dict[str, set[str]]:
    return {name: inputs - names for name, inputs in graph.items() if name not in names}


def _referred_first(graph: Mapping[str, set[str]], models: Mapping[str, Model]) -> dict[str, set[str]]:
    return {
        name: inputs
        | {each.reference.table for each in models[name].checks if each.reference and each.reference.table in graph}
        - {name}
        for name, inputs in graph.items()
    }


def _compile(model: Model, parsed: exp.Query, tables: Mapping[str, Table]) -> list[Plan]:
    query = inline(qualify(parsed, tables))
    names = [projection.alias_or_name for projection in branches_or_refuse(query)[0].expressions]
    model = header(model, names)
    _check_columns(model, names)
    determine(query, tables)
    for node in query.walk():
        node._meta = None  # noqa: SLF001  positions in the text: copying them is most of what a copy costs
    table = Table(model.name, tuple(Column(name, "") for name in names), model.key)
    try:
        _not_recursive(query)
        shown, hidden = hide(query, model.name, tables)
        plans = [_plan(each.table, each.query, None, model.name) for each in hidden]
        return [*plans, _plan(table, shown, model, model.name)]
    except Unprovable as reason:
        return [_full(table, query, model, str(reason))]


def _not_recursive(query: exp.Query) -> None:
    if query.find(exp.With):
        raise Unprovable("a recursive CTE")


def branches_or_refuse(query: exp.Query) -> list[exp.Select]:
    """The query's SELECTs. Raises Refused for another kind of query."""
    try:
        return branches(query)
    except Unprovable as reason:
        raise Refused(f"{reason} cannot be a model", "Write a SELECT.") from reason


def _check_columns(model: Model, names: list[str]) -> None:
    taken = set()
    for name in names:
        if name.lower() in taken:
            raise Refused(f"two columns are called {name!r}", "Give one of them another alias.")
        taken.add(name.lower())
    if len(set(model.key)) < len(model.key):
        raise Refused("the key names a column twice", "Name each column once in `-- key:`.")
    for name in model.key:
        if name not in names:
            raise Refused(
                f"the key column {name!r} is not among the columns {', '.join(names)}",
                "Correct `-- key:` or select it.",
            )
    if model.layout is not None:
        for name in (*filter(None, [model.layout.partition]), *model.layout.cluster):
            if name not in names:
                fact = f"the column {name!r} of `-- partition:` or `-- cluster:` is not among the columns"
                raise Refused(f"{fact} {', '.join(names)}", "Correct the header, or select it.")
    if model.history:
        for name in (record_column(model), *(column.name for column in HISTORY_COLUMNS)):
            if name.lower() in taken:
                raise Refused(
                    f"the column {name!r} is one that history adds",
                    "Give it another alias, or name the record otherwise.",
                )


def _plan(table: Table, query: exp.Query, model: Model | None, owner: str) -> Plan:
    number_leaves(query)
    try:
        columns, keys = _scope_of(query, table.key)
        plan = Plan(table, query, model, owner, _inputs(query), columns, keys, clock.unit(query), None)
        for name in sorted(plan.inputs):
            plan.scope({name: Delta("b", "a")}, datetime(2000, 1, 1))
        plan.scope({name: Delta("b", "a") for name in plan.inputs}, datetime(2000, 1, 1))
        plan.restricted(Scope("s", (True,) * len(columns)), datetime(2000, 1, 1))
    except Unprovable as reason:
        return _full(table, query, model, str(reason), owner)
    return plan


def _full(table: Table, query: exp.Query, model: Model | None, reason: str, owner: str = "") -> Plan:
    return Plan(table, query, model, owner or table.name, _inputs(query), (), (), clock.unit(query), reason)


def _inputs(query: exp.Query) -> frozenset[str]:
    ctes = {cte.alias for cte in query.find_all(exp.CTE)}
    return frozenset(table_name(leaf) for leaf in leaves(query) if leaf.db or leaf.name not in ctes)


def _scope_of(query: exp.Query, key: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[exp.Expr, ...], ...]]:
    """The stored columns by which the table is maintained, and their expressions in each branch."""
    selects = branches(query)
    if query.args.get("limit") or query.args.get("offset"):
        raise Unprovable("LIMIT or OFFSET")
    for select in selects:
        _provable(select)
    names = list(outputs(selects[0]))
    columns = key
    ranked = [select for select in selects if windows(select)]
    if ranked:
        if len(selects) > 1:
            raise Unprovable("a window in a set operation")
        columns = _partition_columns(ranked[0])
    elif (
        len(selects) == 1
        and is_grouped(selects[0])
        and any(not is_row_level(outputs(selects[0])[name]) for name in key)
    ):
        columns = _group_columns(selects[0])
    keys = []
    for select in selects:
        by_position = dict(zip(names, (each.unalias() for each in select.expressions), strict=True))
        expressions = tuple(by_position[name] for name in columns)
        if not all(is_row_level(each) for each in expressions):
            raise Unprovable("a key that is not a value of one row")
        keys.append(expressions)
    return columns, tuple(keys)


def _provable(select: exp.Select) -> None:
    items(select)
    group = select.args.get("group")
    if group is not None and (
        any(group.args.get(each) for each in ("grouping_sets", "rollup", "cube", "totals"))
        or any(isinstance(each, (exp.GroupingSets, exp.Rollup, exp.Cube)) for each in group.expressions)
    ):
        raise Unprovable("GROUPING SETS, ROLLUP or CUBE")
    if any(select.args.get(each) for each in ("limit", "offset", "sample")):
        raise Unprovable("LIMIT, OFFSET or SAMPLE")
    distinct = select.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        raise Unprovable("DISTINCT ON")
    if windows(select) and (is_grouped(select) or distinct):
        raise Unprovable("a window over GROUP BY or DISTINCT")
    for derived in select.find_all(exp.Subquery, exp.Exists, exp.In):
        _provable_subquery(derived, select)
    for item in items(select):
        if isinstance(item.node, exp.Subquery):
            if not is_plain(item.node.this):
                raise Unprovable("a derived table that aggregates")
            for branch in branches(item.node.this):
                _provable(branch)


def _provable_subquery(node: exp.Expr, select: exp.Select) -> None:
    parent = node.parent
    if isinstance(node, exp.Subquery) and not isinstance(
        parent, (exp.From, exp.Join, exp.In, exp.Exists, exp.SetOperation)
    ):
        raise Unprovable("a scalar subquery")
    clause = node
    while clause.parent is not None and clause.parent is not select:
        clause = clause.parent
    is_predicate = isinstance(node, exp.Exists) or (isinstance(node, exp.In) and node.args.get("query"))
    if is_predicate and clause.arg_key in ("having", "qualify", "group"):
        raise Unprovable(f"a subquery in {clause.arg_key.upper()}")


def _partition_columns(select: exp.Select) -> tuple[str, ...]:
    stored: dict[str, str] = {}
    for name, expression in outputs(select).items():
        stored.setdefault(_said(expression), name)
    common: list[str] | None = None
    for window in windows(select):
        parts = [_said(part) for part in window.args.get("partition_by") or ()]
        common = parts if common is None else [part for part in common if part in parts]
    if not common:
        raise Unprovable("a window without PARTITION BY, or windows whose partitions share no column")
    if any(part not in stored for part in common):
        raise Unprovable("a window whose partition columns are not among the columns")
    return tuple(dict.fromkeys(stored[part] for part in common))


def _group_columns(select: exp.Select) -> tuple[str, ...]:
    stored = {_said(expression): name for name, expression in outputs(select).items() if not has_aggregate(expression)}
    group = select.args.get("group")
    parts = [_said(each) for each in group.expressions] if group else []
    if not parts or any(part not in stored for part in parts):
        raise Unprovable("an aggregate in the key, and grouping expressions that are not among the columns")
    return tuple(stored[part] for part in parts)


def _said(expression: exp.Expr) -> str:
    """An expression as text by which it is known again: a comment beside it changes nothing."""
    return expression.sql(comments=False)


def _references(models: Mapping[str, Model], tables: Mapping[str, Table], root: Path | None) -> list[Problem]:
    problems = []
    for model in models.values():
        table = tables.get(model.name)
        for reference in model.references:
            target = models.get(reference.table)
            if table is not None and reference.column not in table.column_names:
                fact = f"references name the column {reference.column!r}, which the model does not have"
                problems.append(Problem(where(model, root), fact, f"It has {', '.join(table.column_names)}."))
            if target is None:
                fact = f"references name {reference.table!r}, which is no model"
                problems.append(Problem(where(model, root), fact, f"The models are {', '.join(sorted(models))}."))
            elif len(target.key) != 1 or target.history:
                fact = f"{reference.table!r} cannot be referred to: its key is not one column, or it keeps history"
                problems.append(
                    Problem(where(model, root), fact, "Refer to a dimension with a key of one column and no history.")
                )
        problems += [each.problem(where(model, root), model.line) for each in checks.unreferable(model, models, tables)]
    return problems


def where(model: Model, root: Path | None) -> str:
    """The file of a model, as problems name it."""
    return str(model.path.relative_to(root) if root and model.path.is_relative_to(root) else model.path)
