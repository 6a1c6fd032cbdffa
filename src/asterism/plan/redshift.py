"""Redshift's dialect: where it has not what PostgreSQL has, or means something else by it.

There is no EXCEPT ALL, no FILTER, no IS NOT DISTINCT FROM, no list, and no other name for the table of a DELETE. Text
of no length has 256 bytes. https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.declare.table import REDSHIFT_TEXT
from asterism.plan.dialect import NUMBERS, numbered, verbatim, whole
from asterism.plan.jsonpath import steps

DIALECT = "redshift"
TEXT, JSON, UUID, INTERVAL = (f"VARCHAR({REDSHIFT_TEXT[kind]})" for kind in ("VARCHAR", "JSON", "UUID", "INTERVAL"))


def sql(node: exp.Expr) -> str:
    """A part of a statement as text."""
    return str(node.sql(dialect=DIALECT, identify=True))


def surrogate_key(call: exp.Anonymous) -> exp.Expr:
    """The same number as on other engines, in two parts, for STRTOL takes 63 bits. Booleans are not text there."""
    parts = []
    for argument in call.expressions:
        text = f"CAST({sql(argument)} AS {TEXT})"
        parts.append(f"COALESCE(CAST(LENGTH({text}) AS {TEXT}) || ':' || {text}, '-')")
    digest = f"MD5({' || '.join(parts)})"
    high, low = (f"STRTOL(SUBSTRING({digest}, {place}), 16)" for place in ("1, 1", "2, 15"))
    return verbatim(f"((({high} & 7) << 60) | {low})")


def same(call: exp.Anonymous) -> exp.Expr:
    """`_same(a, b)`: equal, or both NULL, in a form that hashes."""
    return verbatim(_alike(*(sql(each) for each in call.expressions)))


def _alike(one: str, other: str) -> str:
    texts = " = ".join(f"COALESCE(CAST({side} AS {TEXT}), '')" for side in (one, other))
    nulls = " = ".join(f"CASE WHEN {side} IS NULL THEN 1 ELSE 0 END" for side in (one, other))
    return f"({texts} AND {nulls})"


def _distinct(*, negated: bool) -> Callable[[exp.Expr], exp.Expr]:
    def rule(node: exp.Expr) -> exp.Expr:
        one, other = sql(node.this), sql(node.expression)
        equal = f"({one} = {other} OR ({one} IS NULL AND {other} IS NULL))"
        return verbatim(f"(NOT COALESCE({equal}, FALSE))" if negated else f"COALESCE({equal}, FALSE)")

    return rule


def prepare(tree: exp.Expr) -> None:
    """The table of a DELETE is called by its own name: what its alias led, its name leads."""
    for delete in tree.find_all(exp.Delete):
        target, where = delete.this, delete.args.get("where")
        alias = target.alias
        if not alias or where is None:
            continue
        columns = list(where.find_all(exp.Column))
        for other in delete.args.get("using") or ():
            if other.alias_or_name == target.name:
                _rename(columns, target.name, exp.to_identifier("_using", quoted=True), None)
                other.set("alias", exp.TableAlias(this=exp.to_identifier("_using", quoted=True)))
        target.set("alias", None)
        _rename(columns, alias, target.this, target.args.get("db"))


def _rename(columns: Sequence[exp.Column], before: str, after: exp.Expr, schema: exp.Expr | None) -> None:
    for column in columns:
        if column.table == before:
            column.set("table", after.copy())
            column.set("db", schema.copy() if schema is not None else None)


def _counted(word: str) -> Callable[[exp.Expr], exp.Expr]:
    """EXCEPT ALL and INTERSECT ALL: the n-th of the rows that are alike is told from the others by n."""

    def rule(node: exp.Expr) -> exp.Expr:
        if node.args.get("distinct"):
            return node
        names = ", ".join(f'"{name}"' for name in node.this.named_selects)
        number = f"ROW_NUMBER() OVER (PARTITION BY {names} ORDER BY {names}) AS _n"
        rows = [f"SELECT {names}, {number} FROM ({sql(side)}) AS _side" for side in (node.this, node.expression)]
        return verbatim(f"SELECT {names} FROM (({rows[0]}) {word} ({rows[1]})) AS _rows")

    return rule


def _filter(node: exp.Expr) -> exp.Expr:
    """FILTER (WHERE …) as a CASE within the aggregate."""
    call: exp.Expr = node.this.copy()
    condition = node.expression.this
    if isinstance(call, exp.Count) and isinstance(call.this, exp.Star):
        call.set("this", exp.Case(ifs=[exp.If(this=condition.copy(), true=exp.Literal.number(1))]))
        return call
    holder = call.this if isinstance(call.this, exp.Distinct) else call
    if isinstance(holder, exp.Distinct):
        values = [exp.Case(ifs=[exp.If(this=condition.copy(), true=each.copy())]) for each in holder.expressions]
        holder.set("expressions", values)
    else:
        holder.set("this", exp.Case(ifs=[exp.If(this=condition.copy(), true=call.this.copy())]))
    return call


def _any_value(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, exp.Order):
        raise UnsupportedError("Redshift has no first(… order by …): take the row by QUALIFY row_number()")
    return exp.AnyValue(this=node.this.copy())


def _listed(node: exp.Expr) -> exp.Expr:
    """`string_agg`: what orders the texts stands behind, and the separator is never left out."""
    order = node.this if isinstance(node.this, exp.Order) else None
    value = order.this if order is not None else node.this
    separator = node.args.get("separator") or exp.Literal.string(",")
    text = f"LISTAGG({sql(value)}, {sql(separator)})"
    if order is not None:
        text += f" WITHIN GROUP (ORDER BY {', '.join(map(sql, order.expressions))})"
    return verbatim(text)


def _part(template: str) -> Callable[[exp.Expr], exp.Expr]:
    def rule(node: exp.Expr) -> exp.Expr:
        return verbatim(template.format(sql(node.this)))

    return rule


_MOMENT = "DATEADD(MILLISECOND, {0}, TIMESTAMP '1970-01-01 00:00:00')"
_FUNCTIONS = {
    "dayname": "TRIM(TO_CHAR({0}, 'Day'))",
    "monthname": "TRIM(TO_CHAR({0}, 'Month'))",
    "isodow": "(MOD(CAST(EXTRACT(DOW FROM {0}) AS BIGINT) + 6, 7) + 1)",
    "isoyear": "CAST(TO_CHAR({0}, 'IYYY') AS BIGINT)",
    "epoch_ms": _MOMENT,
}


def _anonymous(node: exp.Expr) -> exp.Expr:
    template = _FUNCTIONS.get(node.name.lower())
    return node if template is None else verbatim(template.format(*map(sql, node.expressions)))


def _unix_time(node: exp.Expr) -> exp.Expr:
    scale = node.args.get("scale")
    return verbatim(_MOMENT.format(sql(node.this))) if scale is not None and scale.name == "3" else node


def _json(node: exp.Expr) -> exp.Expr:
    """`->` and `->>`; JSON is text there, and so is what comes out. What is no JSON answers NULL."""
    found = steps(node.args["expression"])
    if found is None:
        return verbatim(f"NULLIF(JSON_EXTRACT_PATH_TEXT({sql(node.this)}, {sql(node.args['expression'])}, TRUE), '')")
    value = sql(node.this)
    for of_list, some in groupby(found, key=lambda each: isinstance(each, int)):
        if not of_list:
            keys = ", ".join(sql(exp.Literal.string(str(each))) for each in some)
            value = f"NULLIF(JSON_EXTRACT_PATH_TEXT({value}, {keys}, TRUE), '')"
        for place in some if of_list else ():
            if int(place) < 0:
                raise UnsupportedError("Redshift counts no place of a list from its end")
            value = f"NULLIF(JSON_EXTRACT_ARRAY_ELEMENT_TEXT({value}, {place}, TRUE), '')"
    return verbatim(value)


_TYPES = {**NUMBERS, "JSON": JSON, "UUID": UUID, "INTERVAL": INTERVAL}


def _type(node: exp.Expr) -> exp.Expr:
    kind = getattr(node.this, "value", str(node.this))
    if kind in ("VARCHAR", "TEXT") and not node.expressions:
        return exp.DataType.build(TEXT, dialect=DIALECT)
    name = _TYPES.get(kind)
    return exp.DataType.build(name, dialect=DIALECT) if name else node


RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.First: _any_value,
    exp.GroupConcat: _listed,
    exp.Parameter: numbered,
    exp.Placeholder: numbered,
    exp.DataType: _type,
    exp.Except: _counted("EXCEPT"),
    exp.Intersect: _counted("INTERSECT"),
    exp.Filter: _filter,
    exp.NullSafeEQ: _distinct(negated=False),
    exp.NullSafeNEQ: _distinct(negated=True),
    exp.Extract: whole,
    exp.Anonymous: _anonymous,
    exp.UnixToTime: _unix_time,
    exp.JSONExtract: _json,
    exp.JSONExtractScalar: _json,
    exp.Dayname: _part(_FUNCTIONS["dayname"]),
    exp.Monthname: _part(_FUNCTIONS["monthname"]),
    exp.DayOfWeekIso: _part(_FUNCTIONS["isodow"]),
    exp.Year: _part("CAST(EXTRACT(YEAR FROM {0}) AS BIGINT)"),
    exp.Month: _part("CAST(EXTRACT(MONTH FROM {0}) AS BIGINT)"),
    exp.Quarter: _part("CAST(EXTRACT(QUARTER FROM {0}) AS BIGINT)"),
    exp.Day: _part("CAST(EXTRACT(DAY FROM {0}) AS BIGINT)"),
    exp.DayOfMonth: _part("CAST(EXTRACT(DAY FROM {0}) AS BIGINT)"),
    exp.DayOfYear: _part("CAST(EXTRACT(DOY FROM {0}) AS BIGINT)"),
    exp.Hour: _part("CAST(EXTRACT(HOUR FROM {0}) AS BIGINT)"),
    exp.Minute: _part("CAST(EXTRACT(MINUTE FROM {0}) AS BIGINT)"),
}
