"""From DuckDB's dialect, in which everything is written, to the engine's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.declare.model import Layout
from asterism.declare.table import flat
from asterism.errors import EngineError
from asterism.plan.dialects import bigquery, bigquery_types, postgres, redshift, redshift_texts
from asterism.plan.dialects.duck import Duck
from asterism.plan.dialects.shared import Rule, filtered, first_of_some, verbatim


def translate(statement: exp.Expr | str, dialect: str) -> str:
    """The statement as text of `dialect`, with every name quoted as it is spelled and parameters as `$1`, `$2`.

    Raises EngineError for what is known not to be there.
    """
    try:
        if isinstance(statement, str):
            lowered = statement.lower()
            plain = dialect == "duckdb" and "_same(" not in lowered and "surrogate_key(" not in lowered
            return statement if plain else _translate_text(statement, dialect)
        return _generate(statement.copy(), dialect)
    except UnsupportedError as error:
        fact = f"it cannot be asked this: {str(error).rstrip('.')}"
        raise EngineError(f"the warehouse ({dialect})", fact, "Say it another way.") from error


def identifier(name: str, dialect: str) -> str:
    """A table's or column's name as an identifier of `dialect`; `schema.table` is one table's name."""
    if dialect == bigquery_types.DIALECT:
        return f"`{flat(name)}`"
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def layout(wanted: Layout | None, types: Mapping[str, str], dialect: str) -> str:
    """What follows CREATE TABLE, for an engine that lets it be said how rows lie; `types` are DuckDB's, by column."""
    if wanted is None or dialect != bigquery_types.DIALECT:
        return ""
    return bigquery_types.layout(wanted, types)


@lru_cache(maxsize=2048)
def _translate_text(statement: str, dialect: str) -> str:
    return _generate(sqlglot.parse_one(statement, read=Duck), dialect)


def _generate(tree: exp.Expr, dialect: str) -> str:
    rules = _RULES.get(dialect, {})
    holder = exp.Paren(this=tree)
    if dialect in ("postgres", redshift_texts.DIALECT):
        for select in reversed(list(holder.find_all(exp.Select, bfs=True))):
            if select.args.get("qualify") and not select.args.get("limit"):
                select.replace(_without_qualify(select))
    if dialect != "duckdb":
        first_of_some(holder)
    if dialect in (bigquery_types.DIALECT, redshift_texts.DIALECT):
        filtered(holder)
    if dialect == redshift_texts.DIALECT:
        redshift.prepare(holder)
    for node in reversed(list(holder.walk(bfs=True))):
        if isinstance(node, exp.Anonymous) and node.name.lower() == "surrogate_key":
            node.replace(_surrogate_key(node, dialect))
        elif isinstance(node, exp.Anonymous) and node.name.lower() == "_same":
            node.replace(_same(node, dialect))
        elif (rule := rules.get(type(node))) is not None:
            replacement = rule(node)
            if replacement is not node:
                node.replace(replacement)
    return str(holder.this.sql(dialect=dialect, identify=True, unsupported_level=sqlglot.ErrorLevel.RAISE))


def _without_qualify(select: exp.Select) -> exp.Select:
    """QUALIFY as a WHERE around: its windows, and whatever else it reads, become columns of the SELECT inside."""
    inner = select.copy()
    condition = exp.Paren(this=inner.args["qualify"].this.copy())
    names = [each.alias_or_name for each in inner.expressions]
    inner.set("qualify", None)
    inner.set("distinct", None)
    for kind in (exp.Window, exp.Column):
        for node in list(condition.find_all(kind)):
            if node.text("table") != "_q" and not node.find_ancestor(exp.Window):
                name = f"_q{len(inner.expressions)}"
                inner.append("expressions", exp.alias_(node.copy(), name, quoted=True))
                node.replace(exp.column(name, table="_q", quoted=True))
    outer = exp.select(*(exp.column(name, table="_q", quoted=True) for name in names)).from_(inner.subquery("_q"))
    outer.set("distinct", select.args.get("distinct"))
    return outer.where(condition.this)


def _surrogate_key(call: exp.Anonymous, dialect: str) -> exp.Expr:
    """The 63 low bits of the first half of the md5 of the arguments, each written as its length and its text."""
    if dialect == bigquery_types.DIALECT:
        return bigquery.surrogate_key(call)
    if dialect == redshift_texts.DIALECT:
        return redshift.surrogate_key(call)
    parts = []
    for argument in call.expressions:
        text = f"CAST({argument.sql(dialect=dialect, identify=True)} AS {'VARCHAR' if dialect == 'duckdb' else 'TEXT'})"
        parts.append(
            f"COALESCE(CAST(LENGTH({text}) AS {'VARCHAR' if dialect == 'duckdb' else 'TEXT'}) || ':' || {text}, '-')"
        )
    digest = f"SUBSTR(MD5({' || '.join(parts)}), 1, 16)"
    if dialect == "duckdb":
        sql = f"CAST(CAST('0x' || {digest} AS UBIGINT) & 9223372036854775807 AS BIGINT)"
    else:
        sql = f"(CAST(CAST('x' || {digest} AS BIT(64)) AS BIGINT) & 9223372036854775807)"
    return verbatim(sql)


def _same(call: exp.Anonymous, dialect: str) -> exp.Expr:
    """`_same(a, b)`: equal, or both NULL, in a form that hashes. PostgreSQL loops over IS NOT DISTINCT FROM."""
    if dialect == bigquery_types.DIALECT:
        return bigquery.same(call)
    if dialect == redshift_texts.DIALECT:
        return redshift.same(call)
    one, other = call.expressions
    if dialect != "postgres":
        return exp.NullSafeEQ(this=exp.Paren(this=one.copy()), expression=exp.Paren(this=other.copy()))
    first, second = (side.sql("postgres", identify=True) for side in (one, other))
    return verbatim(f"JSONB_BUILD_ARRAY({first}) = JSONB_BUILD_ARRAY({second})")


def _one_term(window: exp.Expr) -> exp.Expr:
    """`row_number() over (… order by a desc, b desc)` in a QUALIFY, by one term of the same order.

    Then DuckDB keeps the first row of each partition, rather than all of them with all their columns. NULLs are last in
    both: within a row they would be the greatest.
    """
    order = window.args.get("order")
    if order is None or not isinstance(window.this, exp.RowNumber) or not window.find_ancestor(exp.Qualify):
        return window
    terms = order.expressions
    if len(terms) == 1 or not all(each.args.get("desc") and not each.args.get("nulls_first") for each in terms):
        return window
    values = [each for term in terms for each in (term.this.is_(exp.null()).not_(), term.this.copy())]
    order.set("expressions", [exp.Ordered(this=exp.Anonymous(this="row", expressions=values), desc=True)])
    return window


_RULES: dict[str, dict[type[exp.Expr], Rule]] = {
    bigquery_types.DIALECT: bigquery.RULES,
    "duckdb": {exp.Window: _one_term},
    redshift_texts.DIALECT: redshift.RULES,
    "postgres": postgres.RULES,
}
