"""Series in Redshift: generate_series() is there for no statement that reads or writes a table."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects.redshift_dates import unit
from asterism.plan.dialects.redshift_texts import LISTS, sql
from asterism.plan.dialects.shared import Rule, verbatim

_PLACES = 5
_TEN = " UNION ALL ".join(f"SELECT {digit} AS _d" for digit in range(10))
_DIGITS = " CROSS JOIN ".join(f"({_TEN}) AS _d{place}" for place in range(_PLACES))
_NUMBERS = f"SELECT {' + '.join(f'_d{place}._d * {10**place}' for place in range(_PLACES))} AS _n FROM {_DIGITS}"
_OWN_LENGTHS = {"MONTH", "QUARTER", "YEAR"}


def _table(node: exp.Expr) -> exp.Expr:
    """A series in FROM, of numbers or of moments, made of 100,000 numbers. A longer one fails: it divides by zero."""
    series = node.this
    if not isinstance(series, exp.GenerateSeries):
        return node
    start, end = series.args["start"], series.args["end"]
    if start.find(exp.Column) or end.find(exp.Column):
        raise UnsupportedError("a series cannot read what stands before it there: join all of one to it")
    count, value, by, falls = _steps(sql(start), sql(end), series.args.get("step"))
    alias, exclusive = node.args.get("alias"), series.args.get("is_end_exclusive")
    column = (
        alias.columns[0].name if alias is not None and alias.columns else "range" if exclusive else "generate_series"
    )
    within = f"{value} {'>' if falls else '<'}{'' if exclusive else '='} {sql(end)}"
    enough = f"_n <= 99999 / (CASE WHEN {count} / {by} < 100000 THEN 1 ELSE 0 END)"
    made = f'SELECT {value} AS "{column}" FROM ({_NUMBERS}) AS _numbers WHERE {within} AND {enough}'
    return verbatim(f'({made}) AS "{alias.name if alias is not None else "_series"}"')


def _steps(start: str, end: str, step: exp.Expr | None) -> tuple[str, str, int, bool]:
    """How far it is, the n-th value, the size of a step, and whether it goes down."""
    falls = isinstance(step, exp.Neg)
    size = step.this if isinstance(step, exp.Neg | exp.Interval) else step
    by = 1 if step is None else int(size.name) if isinstance(size, exp.Literal) and size.name.isdigit() else 0
    if not by or (isinstance(step, exp.Interval) and unit(step) in _OWN_LENGTHS):
        raise UnsupportedError("a series goes by a number that is written out, or by weeks or less, there")
    if isinstance(step, exp.Interval):
        moment = f"DATEADD({unit(step)}, _n * {by}, CAST({start} AS TIMESTAMP))"
        return f"DATEDIFF({unit(step)}, {start}, {end})", moment, by, False
    return f"ABS(({end}) - ({start}))", f"({start}) {'-' if falls else '+'} _n * {by}", by, falls


def _listed(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.parent, exp.Table):
        raise UnsupportedError(LISTS)
    return node


RULES: dict[type[exp.Expr], Rule] = {exp.GenerateSeries: _listed, exp.Table: _table}
