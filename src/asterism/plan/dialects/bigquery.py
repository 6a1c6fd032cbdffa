"""BigQuery's dialect: what sqlglot does not make of DuckDB's by itself, and where the two mean different things.

A table `schema.table` is `schema__table` there: all tables of a warehouse stand in one dataset. A TIMESTAMP of DuckDB
is a DATETIME. https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.declare.table import flat, plain
from asterism.plan.dialects import bigquery_aggregates, bigquery_dates, bigquery_json, bigquery_texts, bigquery_types
from asterism.plan.dialects.bigquery_types import sql
from asterism.plan.dialects.shared import Rule, part_of, verbatim


def surrogate_key(call: exp.Anonymous) -> exp.Expr:
    """The same number as on other engines. 64 bits in hexadecimal may be too large a number: they come in two parts."""
    parts = []
    for argument in call.expressions:
        text = f"CAST({sql(argument)} AS STRING)"
        # Here a moment has three or six digits of a second, elsewhere as many as it needs.
        text = rf"REGEXP_REPLACE({text}, r'^(\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d*?)0+(\+00)?$', r'\1\2')"
        parts.append(f"COALESCE(CONCAT(CAST(LENGTH({text}) AS STRING), ':', {text}), '-')")
    digest = f"TO_HEX(MD5(CONCAT({', '.join(parts)})))"
    high, low = (f"CAST(CONCAT('0x', SUBSTR({digest}, {place})) AS INT64)" for place in ("1, 1", "2, 15"))
    return verbatim(f"((({high} & 7) << 60) | {low})")


def same(call: exp.Anonymous) -> exp.Expr:
    """`_same(a, b)`: equal, or both NULL, in a form that hashes."""
    one, other = call.expressions
    return verbatim(f"(TO_JSON_STRING({sql(one)}) = TO_JSON_STRING({sql(other)}))")


def _table(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, exp.GenerateSeries):
        # An alias of UNNEST names its values, and no table: the table is one around it.
        alias = node.args.get("alias")
        columns = [each.name for each in alias.columns] if alias is not None else []
        items, value = bigquery_dates.series(node.this)
        column = columns[0] if columns else "range" if node.this.args.get("is_end_exclusive") else "generate_series"
        told = f"`{alias.name}`" if alias is not None else "_series"
        return verbatim(f"(SELECT {value} AS `{column}` FROM UNNEST({items}) AS {told}")
    if not isinstance(node, exp.Table) or not node.db:
        return node
    name = f"{node.db}.{node.name}"
    node.set("this", exp.to_identifier(flat(name), quoted=True))
    if not node.alias and isinstance(node.parent, exp.From | exp.Join):
        node.set("alias", exp.TableAlias(this=exp.to_identifier(name.rpartition(".")[2], quoted=True)))
    node.set("db", None)
    return node


def _identifier(node: exp.Expr) -> exp.Expr:
    node.set("this", plain(node.name))
    return node


def _column(node: exp.Expr) -> exp.Expr:
    """`schema.table.column`: the table stands there under its name alone."""
    node.set("db", None)
    return node


def _delete(node: exp.Expr) -> exp.Expr:
    """There is no USING, and a WHERE is asked for."""
    using, where = node.args.get("using"), node.args.get("where")
    condition = where.this if where is not None else exp.true()
    if using:
        found = exp.select("1").from_(using[0])
        for each in using[1:]:
            found = found.join(each, join_type="cross")
        condition = exp.Exists(this=found.where(condition))
        node.set("using", None)
    node.set("where", exp.Where(this=condition))
    return node


def _except(node: exp.Expr) -> exp.Expr:
    """EXCEPT ALL: rows are told apart by their text, and the n-th of those that are alike by n."""
    if node.args.get("distinct"):
        return node
    names = node.this.named_selects
    listed = ", ".join(f"`{name}`" for name in names)

    def rows(side: exp.Query) -> str:
        pairs = zip(side.named_selects, names, strict=True)
        same = ", ".join(f"`{its}` AS `{name}`" for its, name in pairs)
        told = f"SELECT {same}, TO_JSON_STRING(STRUCT({same})) AS _row FROM ({sql(side)})"
        return f"(SELECT *, ROW_NUMBER() OVER (PARTITION BY _row) AS _n FROM ({told}))"

    around = {
        each: sql(node.args[each]) if node.args.get(each) else "" for each in ("with_", "order", "limit", "offset")
    }
    return verbatim(
        f"{around.pop('with_')} SELECT {listed} FROM {rows(node.this)} AS _one WHERE NOT EXISTS ("
        f"SELECT 1 FROM {rows(node.expression)} AS _other WHERE _other._row = _one._row AND _other._n = _one._n)"
        f"{''.join(around.values())}".strip()
    )


def _values(node: exp.Expr) -> exp.Expr:
    """A table of VALUES as SELECTs, whose columns have the names that stand behind it."""
    if isinstance(node.parent, exp.Insert):
        return node
    own, outer = node.args.get("alias"), node.parent
    if isinstance(outer, exp.From) and isinstance(outer.parent, exp.Select) and outer.parent.is_star:
        outer = outer.parent.parent  # sqlglot reads `with t (a) as (values …)` as a SELECT * of them
    alias = own if own is not None and own.columns else outer.args.get("alias") if outer is not None else None
    names = [each.name for each in alias.columns] if isinstance(alias, exp.TableAlias) else []
    if alias is not None and names:
        alias.set("columns", None)
    rows: list[exp.Expr] = []
    for row in node.expressions:
        cells = row.expressions if isinstance(row, exp.Tuple) else [row]
        pairs = zip(cells, names or [f"col{n}" for n in range(len(cells))], strict=True)
        rows.append(exp.select(*(exp.alias_(cell.copy(), name, quoted=True) for cell, name in pairs)))
    found = exp.union(*rows, distinct=False) if len(rows) > 1 else rows[0]
    return found if isinstance(node.parent, exp.Subquery) else exp.Subquery(this=found, alias=own)


def _subquery(node: exp.Expr) -> exp.Expr:
    """A subquery's columns are named inside of it: `(SELECT a …) AS q (b)` is not understood."""
    alias = node.args.get("alias")
    if not isinstance(alias, exp.TableAlias) or not alias.columns:
        return node
    names, inner = [each.name for each in alias.columns], node.this
    while isinstance(inner, exp.SetOperation):
        inner = inner.this
    if isinstance(inner, exp.Select) and not inner.is_star and len(inner.expressions) == len(names):
        for each, name in zip(list(inner.expressions), names, strict=True):
            if each.alias_or_name != name:
                each.replace(exp.alias_(each.unalias().copy(), name, quoted=True))
    alias.set("columns", None)
    return node


def _parameter(node: exp.Expr) -> exp.Expr:
    return verbatim(f"@p{node.name}")


def _in(node: exp.Expr) -> exp.Expr:
    """`x in (select unnest(y))`."""
    query = node.args.get("query")
    inner = query.this if isinstance(query, exp.Subquery) else query
    if not isinstance(inner, exp.Select) or len(inner.expressions) != 1 or inner.args.get("from_") is not None:
        return node
    (each,) = inner.expressions
    if not isinstance(each, exp.Explode | exp.Unnest):
        return node
    items = each.this if isinstance(each, exp.Explode) else each.expressions[0]
    return verbatim(f"{sql(node.this)} IN UNNEST({sql(items)})")


def _select(node: exp.Expr) -> exp.Expr:
    """QUALIFY wants company, DISTINCT ON is one, and GROUP BY means a column before an alias."""
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        _first_of_each(node, distinct.args["on"].expressions)
    if node.args.get("qualify") and not any(node.args.get(each) for each in ("where", "group", "having")):
        node.set("where", exp.Where(this=exp.true()))
    group = node.args.get("group")
    for column in group.expressions if group is not None else ():
        if isinstance(column, exp.Column) and not column.table and _is_changed(node, column.name):
            if node.args.get("joins") or not node.args["from_"].this.alias_or_name:
                raise UnsupportedError(f"two things are called {column.name}: say whose table's BigQuery groups by")
            column.set("table", exp.to_identifier(node.args["from_"].this.alias_or_name, quoted=True))
    return node


def _first_of_each(select: exp.Expr, on: list[exp.Expr]) -> None:
    order = select.args.get("order")
    if select.args.get("qualify") is not None:
        raise UnsupportedError("BigQuery has no DISTINCT ON: add its row_number() to QUALIFY")
    terms = order.expressions if order is not None else [exp.Ordered(this=each.copy()) for each in on]
    number = exp.Window(this=exp.RowNumber(), partition_by=[each.copy() for each in on])
    number.set("order", exp.Order(expressions=[each.copy() for each in terms]))
    number.set("order", bigquery_aggregates.order(number.args["order"]))
    select.set("distinct", None)
    select.set("qualify", exp.Qualify(this=exp.EQ(this=number, expression=exp.Literal.number(1))))


def _is_changed(select: exp.Expr, name: str) -> bool:
    """Whether a column's name is also that of something that is made of it."""
    return any(
        isinstance(each, exp.Alias)
        and each.alias.lower() == name.lower()
        and not isinstance(each.this, exp.Column)
        and any(column.name.lower() == name.lower() for column in each.this.find_all(exp.Column))
        for each in select.expressions
    )


def _star(node: exp.Expr) -> exp.Expr:
    if node.args.get("rename"):
        raise UnsupportedError("BigQuery renames no column of a star: name the columns")
    return node


_FUNCTIONS = {
    "isodow": "(MOD(EXTRACT(DAYOFWEEK FROM {0}) + 5, 7) + 1)",
    "epoch_ms": "DATETIME(TIMESTAMP_MILLIS({0}))",
    "json_keys": "JSON_KEYS({0}, 1)",
    "now": "CURRENT_TIMESTAMP()",
    "get_current_timestamp": "CURRENT_TIMESTAMP()",
}


def _anonymous(node: exp.Expr) -> exp.Expr:
    name, given = node.name.lower(), node.expressions
    if name == "json_merge_patch":
        return bigquery_json.patched(node)
    if name == "try_strptime":
        return verbatim(f"SAFE.{bigquery_dates.parsed(given[0], given[-1])}")
    if (found := part_of(node)) is not None:
        return bigquery_dates.part(*found)
    template = _FUNCTIONS.get(name)
    return verbatim(template.format(*map(sql, node.expressions))) if template else node


RULES: dict[type[exp.Expr], Rule] = {
    **bigquery_types.RULES,
    **bigquery_json.RULES,
    **bigquery_dates.RULES,
    **bigquery_texts.RULES,
    **bigquery_aggregates.RULES,
    exp.Identifier: _identifier,
    exp.Table: _table,
    exp.Column: _column,
    exp.Delete: _delete,
    exp.Except: _except,
    exp.Values: _values,
    exp.Subquery: _subquery,
    exp.Parameter: _parameter,
    exp.Placeholder: _parameter,
    exp.Anonymous: _anonymous,
    exp.Select: _select,
    exp.Star: _star,
    exp.In: _in,
}
"""Applied from the leaves up."""
