"""Redshift's dialect: where it has not what PostgreSQL has, or means something else by it.

There is no EXCEPT ALL, no FILTER, no IS NOT DISTINCT FROM, no list, and no other name for the table of a DELETE. Text
of no length has 256 bytes. https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects import redshift_dates, redshift_series, redshift_texts
from asterism.plan.dialects.jsonpath import steps
from asterism.plan.dialects.redshift_texts import DIALECT, INTERVAL, JSON, LISTS, TEXT, UUID, sql
from asterism.plan.dialects.shared import NUMBERS, Rule, numbered, part_of, refused, verbatim


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


def _any_value(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, exp.Order) or node.args.get("where"):
        raise UnsupportedError("Redshift has no first(… order by …): take the row by QUALIFY row_number()")
    return exp.AnyValue(this=node.this.copy())


def _nulls(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, exp.AnyValue):
        raise UnsupportedError("any_value() may be NULL there: use min() or max()")
    return node


def _listed(node: exp.Expr) -> exp.Expr:
    """`string_agg`: what orders the texts stands behind, and the separator is never left out."""
    order = node.this if isinstance(node.this, exp.Order) else None
    value = order.this if order is not None else node.this
    separator = node.args.get("separator") or exp.Literal.string(",")
    text = f"LISTAGG({sql(value)}, {sql(separator)})"
    if order is not None:
        text += f" WITHIN GROUP (ORDER BY {', '.join(map(sql, order.expressions))})"
    return verbatim(text)


_FUNCTIONS = {
    "isodow": redshift_dates.PARTS["ISODOW"],
    "epoch_ms": redshift_dates.MOMENT.format("MILLISECOND", "{0}"),
    "now": "CAST(GETDATE() AS TIMESTAMPTZ)",
    "get_current_timestamp": "CAST(GETDATE() AS TIMESTAMPTZ)",
}
_REFUSED = {
    "json_merge_patch": "Redshift changes no JSON: take its fields apart by ->>",
    "age": "age() is not there for rows of tables: use date_diff()",
    "isfinite": "isfinite() is not there for rows of tables",
}


def _anonymous(node: exp.Expr) -> exp.Expr:
    name = node.name.lower()
    if name.startswith(("list_", "array_")) or name in ("row", "map"):
        raise UnsupportedError(LISTS)
    if name in _REFUSED:
        raise UnsupportedError(_REFUSED[name])
    if (found := part_of(node)) is not None:
        return redshift_dates.part(*found)
    template = _FUNCTIONS.get(name)
    return node if template is None else verbatim(template.format(*map(sql, node.expressions)))


def _window(node: exp.Expr) -> exp.Expr:
    """An aggregate in an order must have a frame there, and one of rows; in DuckDB rows that tie count together."""
    call, spec = node.this, node.args.get("spec")
    while isinstance(call, exp.IgnoreNulls | exp.RespectNulls):
        call = call.this
    if spec is not None and str(spec.args.get("kind")).upper() != "ROWS":
        raise UnsupportedError("a frame is one of rows there: say rows between … and …")
    if isinstance(call, exp.Lag | exp.Lead) and call.args.get("default") is not None:
        raise UnsupportedError("lag() and lead() have no third argument there: use coalesce()")
    if spec is not None or node.args.get("order") is None or isinstance(call, _RANKING):
        return node
    if not isinstance(call, exp.FirstValue):
        raise UnsupportedError("say the frame of an ordered window: rows between unbounded preceding and current row")
    rows = {"start": "UNBOUNDED", "start_side": "PRECEDING", "end": "CURRENT ROW"}
    node.set("spec", exp.WindowSpec(kind="ROWS", **rows))
    return node


_RANKING = (
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
)  # fmt: skip


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
    if kind in ("ARRAY", "LIST", "STRUCT", "MAP"):
        raise UnsupportedError(LISTS)
    if kind in ("VARCHAR", "TEXT") and not node.expressions:
        return exp.DataType.build(TEXT, dialect=DIALECT)
    name = _TYPES.get(kind)
    return exp.DataType.build(name, dialect=DIALECT) if name else node


def _star(node: exp.Expr) -> exp.Expr:
    if node.args.get("replace") or node.args.get("rename"):
        raise UnsupportedError("no column of a star is replaced or renamed there: name the columns")
    return node


_OF_LISTS = (
    exp.Array, exp.ArrayAgg, exp.ArrayAppend, exp.ArrayConcat, exp.ArrayContains, exp.ArrayContainsAll,
    exp.ArrayDistinct, exp.ArrayFilter, exp.ArrayMax, exp.ArrayMin, exp.ArrayOverlaps, exp.ArrayPrepend,
    exp.ArrayReverse, exp.ArraySize, exp.ArraySort, exp.ArrayToString, exp.Bracket, exp.Explode, exp.Flatten,
    exp.JSONKeys, exp.Lambda, exp.Map, exp.RegexpExtractAll, exp.RegexpSplit, exp.Split, exp.Struct, exp.ToMap,
    exp.Transform, exp.Unnest,
)  # fmt: skip

RULES: dict[type[exp.Expr], Rule] = {
    **redshift_dates.RULES,
    **redshift_texts.RULES,
    **redshift_series.RULES,
    **dict.fromkeys(_OF_LISTS, refused(LISTS)),
    exp.Lateral: refused("a subquery in FROM cannot read what stands before it there: join it"),
    exp.PositionalColumn: refused("a column is called by its name"),
    exp.First: _any_value,
    exp.IgnoreNulls: _nulls,
    exp.GroupConcat: _listed,
    exp.Parameter: numbered,
    exp.Placeholder: numbered,
    exp.DataType: _type,
    exp.Except: _counted("EXCEPT"),
    exp.Intersect: _counted("INTERSECT"),
    exp.NullSafeEQ: _distinct(negated=False),
    exp.NullSafeNEQ: _distinct(negated=True),
    exp.Anonymous: _anonymous,
    exp.JSONExtract: _json,
    exp.JSONExtractScalar: _json,
    exp.Window: _window,
    exp.Star: _star,
}
