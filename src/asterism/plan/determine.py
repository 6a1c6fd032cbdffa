"""One SELECT, one answer: ties are broken by keys, and what has no single answer is refused."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from asterism.declare.table import Table
from asterism.plan.parse import Refused
from asterism.plan.tree import Item, Unprovable, in_window, is_grouped, is_leaf, is_plain, items, outputs, table_name

_REFUSED: dict[type[exp.Expr], str] = {
    exp.Rand: "random() differs at every look",
    exp.Uuid: "uuid() differs at every look",
    exp.AnyValue: "any_value() may answer any of the rows",
    exp.Mode: "mode() may answer any of equally frequent values",
    exp.ArgMax: "arg_max() may answer any of the rows that tie",
    exp.ArgMin: "arg_min() may answer any of the rows that tie",
}
_REFUSED_NAMES = {"nextval", "gen_random_uuid", "uuidv7", "uuidv4", "setseed", "txid_current"}
_REMEDY: dict[type[exp.Expr], str] = {
    exp.AnyValue: "Use min() or max().",
    exp.Mode: "Count in a model of its own and take the first by count and value.",
    exp.ArgMax: "Use first(value order by … desc).",
    exp.ArgMin: "Use first(value order by …).",
}
_ORDERED_AGGREGATES = (exp.GroupConcat, exp.ArrayAgg, exp.First, exp.Last)
_ORDERED_WINDOWS = (
    exp.RowNumber, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Ntile, exp.First, exp.Last,
)  # fmt: skip


def determine(query: exp.Query, tables: Mapping[str, Table]) -> None:
    """Change a qualified query in place so that its result depends on its rows alone. Raises Refused where it can't."""
    for node in query.walk():
        for kind, fact in _REFUSED.items():
            if isinstance(node, kind):
                raise Refused(
                    f"{fact}, so the table could not be kept current",
                    _REMEDY.get(kind, "Derive it from the row's key."),
                )
        if isinstance(node, exp.Anonymous) and node.name.lower() in _REFUSED_NAMES:
            raise Refused(
                f"{node.name}() differs at every look, so the table could not be kept current",
                "Derive it from the row's key.",
            )
    for select in query.find_all(exp.Select):
        _break_ties(select, tables)


def _break_ties(select: exp.Select, tables: Mapping[str, Table]) -> None:
    for window in [node for node in select.find_all(exp.Window) if node.find_ancestor(exp.Select) is select]:
        function = window.this
        while isinstance(function, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter)):
            function = function.this
        spec = window.args.get("spec")
        by_rows = spec is not None and str(spec.args.get("kind")).upper() == "ROWS"
        if isinstance(function, _ORDERED_WINDOWS) or by_rows or isinstance(function, _ORDERED_AGGREGATES):
            _complete(window, _order_key(select, tables, function, grouped=is_grouped(select)))
    for aggregate in [
        node for node in select.find_all(*_ORDERED_AGGREGATES) if node.find_ancestor(exp.Select) is select
    ]:
        if not in_window(aggregate, select):
            order = aggregate.this if isinstance(aggregate.this, exp.Order) else None
            values = order.this if order is not None else aggregate.this
            if isinstance(values, exp.Distinct):
                # Rows that are alike are one here: the values are all that can order them.
                key = [each.copy() for each in values.expressions]
                if order is not None and any(ordered.this not in key for ordered in order.expressions):
                    raise Refused(
                        f"{aggregate.key}(distinct …) is ordered by something else than its values",
                        "Order by the value itself.",
                    )
            else:
                key = _order_key(select, tables, aggregate, grouped=False)
            if order is None:
                order = exp.Order(this=aggregate.this.copy(), expressions=[])
                aggregate.set("this", order)
            _append(order, key)
    limit = select.args.get("limit") or (select.args.get("distinct") and select.args["distinct"].args.get("on"))
    if (
        limit
        and not is_grouped(select)
        and not (select.args.get("distinct") and not select.args["distinct"].args.get("on"))
    ):
        order = select.args.get("order") or exp.Order(expressions=[])
        select.set("order", order)
        _append(order, _order_key(select, tables, limit, grouped=False))
    elif limit:
        order = select.args.get("order") or exp.Order(expressions=[])
        select.set("order", order)
        _append(order, [exp.column(name, quoted=True) for name in outputs(select)])


def _complete(window: exp.Window, key: list[exp.Expr]) -> None:
    order = window.args.get("order")
    if order is None:
        order = exp.Order(expressions=[])
        window.set("order", order)
    _append(order, key)


def _append(order: exp.Order, key: list[exp.Expr]) -> None:
    present = {ordered.this.sql() for ordered in order.expressions}
    for column in key:
        if column.sql() not in present:
            order.append("expressions", exp.Ordered(this=column.copy(), nulls_first=False))


def _order_key(select: exp.Select, tables: Mapping[str, Table], what: exp.Expr, *, grouped: bool) -> list[exp.Expr]:
    """Expressions that tell any two rows of the select's FROM (or its groups) apart."""
    if grouped:
        group = select.args.get("group")
        return list(group.expressions) if group else []
    try:
        return row_key(items(select), tables)
    except Unprovable as reason:
        raise Refused(
            f"{what.key} needs an order without ties, and its rows have no key here ({reason})",
            "Read from a table or model that has a key, or aggregate with min(), max() or sum().",
        ) from reason


def row_key(from_items: list[Item], tables: Mapping[str, Table]) -> list[exp.Expr]:
    """Columns that identify a row of a FROM clause: the keys of all its items. Raises Unprovable where one has none."""
    key: list[exp.Expr] = []
    for item in from_items:
        key += [exp.column(name, table=item.alias, quoted=True) for name in _key_columns(item.node, tables)]
    return key


def _key_columns(node: exp.Expr, tables: Mapping[str, Table]) -> list[str]:
    if is_leaf(node):
        return list(tables[table_name(node)].key)
    query = node.this if isinstance(node, exp.Subquery) else None
    if isinstance(query, exp.Select) and is_plain(query):
        inner = {expression.sql(): name for name, expression in outputs(query).items()}
        names = [inner.get(column.sql()) for column in row_key(items(query), tables)]
        if None not in names:
            return [name for name in names if name is not None]
        raise Unprovable("a derived table that leaves its key out")
    if isinstance(query, exp.Select) and is_grouped(query):
        inner = {expression.sql(): name for name, expression in outputs(query).items()}
        group = query.args.get("group")
        names = [inner.get(each.sql()) for each in (group.expressions if group else [])]
        if None not in names:
            return [name for name in names if name is not None]
    raise Unprovable("a derived table without a key")
