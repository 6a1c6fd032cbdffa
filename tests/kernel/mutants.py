"""Ways to spoil the scope pass: each takes the query that it made and leaves out one of its rules."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp


def _no_unmatched(query: exp.Query) -> exp.Query:
    """The matched rows are not projected once more with the optional side NULL."""
    for select in list(query.find_all(exp.Select)):
        joins = select.args.get("joins") or ()
        if any(isinstance(join.args.get("on"), exp.Boolean) and not join.args["on"].this for join in joins):
            select.where(exp.false(), copy=False)
    return query


def _no_doubling(query: exp.Query) -> exp.Query:
    """A changed optional side that is not the target stands with its match only."""
    for values in list(query.find_all(exp.Values)):
        if values.alias.endswith("__d"):
            values.set("expressions", values.expressions[:1])
    return query


def _only(column: int) -> Callable[[exp.Query], exp.Query]:
    def mutate(query: exp.Query) -> exp.Query:
        for union in list(query.find_all(exp.Union)):
            sides = [union.left, union.right]
            if all(isinstance(side, exp.Select) and _is_bare(side) for side in sides):
                tables = [side.args["from_"].this for side in sides]
                if [table.name.split()[0] for table in tables] == ["before", "after"]:
                    sides[1 - column].where(exp.false(), copy=False)
        return query

    return mutate


def _current_only(query: exp.Query) -> exp.Query:
    """The other changed tables stand there without the rows they had."""
    for union in list(query.find_all(exp.Union)):
        sides = [union.left, union.right]
        if all(isinstance(side, exp.Select) and _is_bare(side) for side in sides):
            tables = [side.args["from_"].this for side in sides]
            if not tables[0].name.startswith("before ") and tables[1].name.startswith("before "):
                sides[1].where(exp.false(), copy=False)
    return query


def _no_nulls(query: exp.Query) -> exp.Query:
    """NOT IN is taken for a plain anti join."""
    for select in list(query.find_all(exp.Select)):
        where = select.args.get("where")
        if where is not None and any(
            isinstance(node, exp.Subquery) and node.alias == "_nulls" for node in where.find_all(exp.Subquery)
        ):
            select.where(exp.false(), copy=False)
    return query


def _no_predicates(query: exp.Query) -> exp.Query:
    """The tables of EXISTS and IN do not count as inputs."""
    for select in list(query.find_all(exp.Select)):
        if any(join.kind == "CROSS" and isinstance(join.this, exp.Subquery) for join in select.args.get("joins") or ()):
            select.where(exp.false(), copy=False)
    return query


def _first_only(query: exp.Query) -> exp.Query:
    """Only the first input that changed is looked at."""
    inner = next((node for node in query.find_all(exp.Subquery) if node.alias == "_scope"), None)
    if inner is not None and isinstance(inner.this, exp.Union):
        node = inner.this
        while isinstance(node, exp.Union) and isinstance(node.left, (exp.Union, exp.Select)):
            node = node.left  # type: ignore[assignment]
        inner.set("this", node.copy())
    return query


def _is_bare(select: exp.Expr) -> bool:
    return (
        isinstance(select.args.get("from_"), exp.From)
        and isinstance(select.args["from_"].this, exp.Table)
        and not select.args.get("joins")
    )


MUTANTS: dict[str, Callable[[exp.Query], exp.Query]] = {
    "gaining a match does not touch the unmatched": _no_unmatched,
    "another optional side stands with its match only": _no_doubling,
    "rows as they are now are left out": _only(0),
    "rows as they were are left out": _only(1),
    "the other tables lack the rows they had": _current_only,
    "NULLs among the values of NOT IN are forgotten": _no_nulls,
    "EXISTS and IN are no inputs": _no_predicates,
    "only one input is looked at": _first_only,
}
