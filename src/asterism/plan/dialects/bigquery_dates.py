"""Dates and times in BigQuery: their parts, differences and formats. A TIMESTAMP of DuckDB is a DATETIME.

https://cloud.google.com/bigquery/docs/reference/standard-sql/datetime_functions
https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects import formats
from asterism.plan.dialects.bigquery_types import sql
from asterism.plan.dialects.shared import Rule, last, part_rules, verbatim

_SINCE = "DATETIME_DIFF(CAST({{0}} AS DATETIME), DATETIME_TRUNC(CAST({{0}} AS DATETIME), {}), {})"
_PARTS = {
    **{each: f"EXTRACT({each} FROM {{0}})" for each in ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")},
    "ISOYEAR": "EXTRACT(ISOYEAR FROM {0})",
    "WEEK": "EXTRACT(ISOWEEK FROM {0})",
    "DOY": "EXTRACT(DAYOFYEAR FROM {0})",
    "DOW": "(EXTRACT(DAYOFWEEK FROM {0}) - 1)",
    "ISODOW": "(MOD(EXTRACT(DAYOFWEEK FROM {0}) + 5, 7) + 1)",
    "MILLISECOND": _SINCE.format("MINUTE", "MILLISECOND"),
    "MICROSECOND": _SINCE.format("MINUTE", "MICROSECOND"),
    "EPOCH": "(UNIX_MICROS(TIMESTAMP({0})) / 1000000)",
}
_UNITS = {
    **{each: each for each in ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "ISOYEAR")},
    "WEEK": "ISOWEEK", "MILLISECOND": "MILLISECOND", "MICROSECOND": "MICROSECOND",
}  # fmt: skip
"""A WEEK begins on Sunday there."""
_NUMBER = "CAST({} AS STRING)"
_MADE = {
    **{
        f"-{element}": _NUMBER.format(f"EXTRACT({part} FROM {{0}})")
        for element, part in {
            "d": "DAY",
            "m": "MONTH",
            "H": "HOUR",
            "M": "MINUTE",
            "S": "SECOND",
            "j": "DAYOFYEAR",
        }.items()
    },
    "-I": _NUMBER.format("MOD(EXTRACT(HOUR FROM {0}) + 11, 12) + 1"),
    "-y": _NUMBER.format("MOD(EXTRACT(YEAR FROM {0}), 100)"),
    "g": f"LPAD({_NUMBER.format(_SINCE.format('SECOND', 'MILLISECOND'))}, 3, '0')",
    "f": f"LPAD({_NUMBER.format(_SINCE.format('SECOND', 'MICROSECOND'))}, 6, '0')",
}
_SPELLED = {each: f"%{each}" for each in "aAbBdmyYHIpMSjUWVGuw"}
_READ = {**{each: f"%{each}" for each in "aAbBdmyYHIpMSj"}, "S.f": "%E*S"}


def part(name: str, moment: exp.Expr) -> exp.Expr:
    """A part of a date under DuckDB's name, and with its numbers."""
    if name not in _PARTS:
        raise UnsupportedError(f"BigQuery takes no {name.lower()} out of a date")
    return verbatim(_PARTS[name].format(sql(moment)))


def datetime(node: exp.Expr) -> str:
    """A date or a time as a DATETIME."""
    return f"CAST({sql(node)} AS DATETIME)"


def _unit(node: exp.Expr) -> str:
    name = (node.text("unit") or "DAY").upper()
    name = name if name in _UNITS else name.removesuffix("S")
    if name not in _UNITS:
        raise UnsupportedError(f"BigQuery knows no {name.lower()}")
    return _UNITS[name]


def _truncated(node: exp.Expr) -> exp.Expr:
    return verbatim(f"TIMESTAMP_TRUNC({sql(node.this)}, {_unit(node)})")


def _difference(node: exp.Expr) -> exp.Expr:
    """How many times a unit began between two moments, and for a week seven days. Of TIMESTAMPs whole units count."""
    weeks = node.text("unit").upper() in ("WEEK", "WEEKS")
    found = f"DATETIME_DIFF({datetime(node.this)}, {datetime(node.expression)}, {'DAY' if weeks else _unit(node)})"
    return verbatim(f"DIV({found}, 7)" if weeks else found)


def _days(node: exp.Expr) -> exp.Expr:
    """Days between dates that are known to be some; BigQuery makes an INTERVAL of them."""
    one, other = node.this, node.expression
    return verbatim(f"DATE_DIFF({sql(one)}, {sql(other)}, DAY)") if _is_date(one) and _is_date(other) else node


def _is_date(node: exp.Expr) -> bool:
    node = node.unnest()
    return isinstance(node, exp.CurrentDate) or (isinstance(node, exp.Cast) and node.args["to"].is_type("date"))


def formatted(format_: str) -> Rule:
    """A rule for a function that writes a date by one format."""
    return lambda node: verbatim(f"FORMAT_DATETIME('{format_}', {datetime(node.this)})")


def _strftime(node: exp.Expr) -> exp.Expr:
    moment = datetime(node.this)
    made = {element: template.format(moment) for element, template in _MADE.items()}
    found = formats.pieces(
        node.args.get("format"), _SPELLED, made, lambda form: _call("FORMAT_DATETIME", form, moment), _text
    )
    return verbatim(found[0] if len(found) == 1 else f"CONCAT({', '.join(found)})")


def _strptime(node: exp.Expr) -> exp.Expr:
    return verbatim(parsed(node.this, node.args.get("format")))


def parsed(text: exp.Expr, form: exp.Expr | None) -> str:
    """`strptime`."""
    return _call("PARSE_DATETIME", formats.parsed(form, _READ, _text), sql(text))


def _call(name: str, form: str, value: str) -> str:
    return f"{name}({sql(exp.Literal.string(form))}, {value})"


def _text(text: str) -> str:
    return text.replace("%", "%%")


def _zone(node: exp.Expr) -> exp.Expr:
    """A moment's time in a zone; of a time without one, which must be known for it, the moment."""
    zone = sql(node.args["zone"])
    return verbatim(f"{'TIMESTAMP' if _is_naive(node.this) else 'DATETIME'}({sql(node.this)}, {zone})")


def _is_naive(node: exp.Expr) -> bool:
    node = node.unnest()
    return isinstance(node, exp.Cast) and node.args["to"].is_type("timestamp", "timestampntz", "datetime", "date")


def _unix_time(node: exp.Expr) -> exp.Expr:
    """`epoch_ms` and `make_timestamp`: a time without a zone, as in DuckDB."""
    scale = node.args.get("scale")
    unit = {"3": "MILLIS", "6": "MICROS"}.get(scale.name if scale is not None else "")
    return verbatim(f"DATETIME(TIMESTAMP_{unit}({sql(node.this)}))") if unit else node


def series(node: exp.Expr) -> tuple[str, str]:
    """What follows `UNNEST(` for the numbers or moments of a series, each called `_each`; and what makes its value."""
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    if not isinstance(step, exp.Interval):
        by = f", {sql(step)}" if step is not None else ""
        return f"GENERATE_ARRAY({sql(start)}, {sql(last(node))}{by})) AS _each", "_each"
    if step.unit is not None and step.unit.name.upper() in {"WEEK", "MONTH", "QUARTER", "YEAR"}:
        begin, until = (f"CAST({sql(each)} AS DATE)" for each in (start, end))
        items, value = f"GENERATE_DATE_ARRAY({begin}, {until}, {sql(step)})", "CAST(_each AS DATETIME)"
    else:
        begin, until = (f"TIMESTAMP({datetime(each)})" for each in (start, end))
        items, value = f"GENERATE_TIMESTAMP_ARRAY({begin}, {until}, {sql(step)})", "DATETIME(_each)"
    return f"{items}) AS _each{f' WHERE _each < {until}' if node.args.get('is_end_exclusive') else ''}", value


def _listed(node: exp.Expr) -> exp.Expr:
    """A series that is no table."""
    if isinstance(node.parent, exp.Table):
        return node
    items, value = series(node)
    of_numbers = value == "_each"
    return verbatim(items.removesuffix(") AS _each") if of_numbers else f"ARRAY(SELECT {value} FROM UNNEST({items})")


RULES: dict[type[exp.Expr], Rule] = {
    **part_rules(part),
    exp.TimestampTrunc: _truncated,
    exp.DateTrunc: _truncated,
    exp.DateDiff: _difference,
    exp.Sub: _days,
    exp.Dayname: formatted("%A"),
    exp.Monthname: formatted("%B"),
    exp.TimeToStr: _strftime,
    exp.StrToTime: _strptime,
    exp.AtTimeZone: _zone,
    exp.UnixToTime: _unix_time,
    exp.GenerateSeries: _listed,
    exp.Localtimestamp: lambda _node: verbatim("CURRENT_DATETIME()"),
}
