"""Dates and times in Redshift: their parts, differences and formats.

https://docs.aws.amazon.com/redshift/latest/dg/Date_functions_header.html
https://docs.aws.amazon.com/redshift/latest/dg/r_FORMAT_strings.html
"""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects import formats
from asterism.plan.dialects.redshift_texts import TEXT, sql
from asterism.plan.dialects.shared import Rule, interval, part_rules, refused, verbatim

_BEGINNING = "TIMESTAMP '1970-01-01 00:00:00'"
MOMENT = f"DATEADD({{}}, {{}}, {_BEGINNING})"
_SINCE = "CAST(DATEDIFF({}, DATE_TRUNC('minute', {{0}}), {{0}}) AS BIGINT)"
PARTS = {
    **{
        each: f"CAST(EXTRACT({each} FROM {{0}}) AS BIGINT)"
        for each in ("YEAR", "QUARTER", "MONTH", "DAY", "DOW", "DOY", "HOUR", "MINUTE")
    },
    "SECOND": "CAST(FLOOR(EXTRACT(SECOND FROM {0})) AS BIGINT)",
    "ISODOW": "(MOD(CAST(EXTRACT(DOW FROM {0}) AS BIGINT) + 6, 7) + 1)",
    "ISOYEAR": "CAST(TO_CHAR({0}, 'IYYY') AS BIGINT)",
    "WEEK": "CAST(TO_CHAR({0}, 'IW') AS BIGINT)",
    "MILLISECOND": _SINCE.format("MILLISECOND"),
    "MICROSECOND": _SINCE.format("MICROSECOND"),
    "EPOCH": f"(CAST(DATEDIFF(MICROSECOND, {_BEGINNING}, {{0}}) AS DOUBLE PRECISION) / 1000000)",
}
"""The number of a part may be a DOUBLE there, with a fraction of a second; milliseconds are there without seconds."""
_UNITS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"}
_SPELLED = {
    "Y": "YYYY", "y": "YY", "m": "MM", "d": "DD", "j": "DDD", "H": "HH24", "I": "HH12", "M": "MI", "S": "SS", "p": "AM",
    "f": "US", "g": "MS", "b": "Mon", "a": "Dy", "V": "IW", "G": "IYYY", "u": "ID",
}  # fmt: skip
_MADE = {
    **{
        f"-{element}": f"CAST({PARTS[part]} AS {TEXT})"
        for element, part in {"d": "DAY", "m": "MONTH", "H": "HOUR", "M": "MINUTE", "S": "SECOND", "j": "DOY"}.items()
    },
    "w": f"CAST({PARTS['DOW']} AS {TEXT})",
    "A": "TRIM(TO_CHAR({0}, 'Day'))",
    "B": "TRIM(TO_CHAR({0}, 'Month'))",
}
_READ = {**{each: _SPELLED[each] for each in "YymdjHIMSpb"}, "B": "Month", "S.f": "SS.US"}


def part(name: str, moment: exp.Expr) -> exp.Expr:
    """A part of a date under DuckDB's name, and with its numbers."""
    if name not in PARTS:
        raise UnsupportedError(f"Redshift takes no {name.lower()} out of a date")
    return verbatim(PARTS[name].format(sql(moment)))


def unit(node: exp.Expr) -> str:
    """The unit that a function or an interval goes by."""
    name = (node.text("unit") or "DAY").upper()
    name = name if name in _UNITS else name.removesuffix("S")
    if name not in _UNITS:
        raise UnsupportedError(f"a {name.lower()} is another time there")
    return name


def _truncated(node: exp.Expr) -> exp.Expr:
    return verbatim(f"DATE_TRUNC('{unit(node)}', {sql(node.this)})")


def _difference(node: exp.Expr) -> exp.Expr:
    """How many times a unit began between two moments, and for a week seven days."""
    part, start, end = unit(node), sql(node.expression), sql(node.this)
    return verbatim(f"(DATEDIFF(DAY, {start}, {end}) / 7)" if part == "WEEK" else f"DATEDIFF({part}, {start}, {end})")


def plain(text: str) -> str | None:
    """A text that means itself within a format."""
    return None if re.search(r"[A-Za-z\"\\]", text) else text


def _strftime(node: exp.Expr) -> exp.Expr:
    moment = sql(node.this)
    made = {element: template.format(moment) for element, template in _MADE.items()}

    def formatted(form: str) -> str:
        return f"TO_CHAR({moment}, {sql(exp.Literal.string(form))})"

    found = formats.pieces(node.args.get("format"), _SPELLED, made, formatted, plain, sql)
    return verbatim(f"({' || '.join(found)})")


def _strptime(node: exp.Expr) -> exp.Expr:
    """A time without a zone, as in DuckDB."""
    form = sql(exp.Literal.string(formats.parsed(node.args.get("format"), _READ, plain)))
    return verbatim(f"CAST(TO_TIMESTAMP({sql(node.this)}, {form}) AS TIMESTAMP)")


def _unix_time(node: exp.Expr) -> exp.Expr:
    """`epoch_ms` and `make_timestamp`: a time without a zone, as in DuckDB; `to_timestamp` has one."""
    scale = node.args.get("scale")
    small = {"3": "MILLISECOND", "6": "MICROSECOND"}.get(scale.name if scale is not None else "")
    if small:
        return verbatim(MOMENT.format(small, sql(node.this)))
    moment = MOMENT.format("MICROSECOND", f"CAST(({sql(node.this)}) * 1000000 AS BIGINT)")
    return verbatim(f"CAST({moment} AS TIMESTAMPTZ)")


def _date(node: exp.Expr) -> exp.Expr:
    """`make_date`: no day that is not in the calendar."""
    if node.args.get("month") is None:
        raise UnsupportedError("make_date() takes a year, a month and a day there")
    year, month, day = (f"CAST({sql(node.args[each])} AS {TEXT})" for each in ("year", "month", "day"))
    return verbatim(
        f"TO_DATE({year} || '-' || LPAD({month}, 2, '0') || '-' || LPAD({day}, 2, '0'), 'YYYY-MM-DD', TRUE)"
    )


RULES: dict[type[exp.Expr], Rule] = {
    **part_rules(part),
    exp.TimestampTrunc: _truncated,
    exp.DateTrunc: _truncated,
    exp.DateDiff: _difference,
    exp.Dayname: lambda node: verbatim(_MADE["A"].format(sql(node.this))),
    exp.Monthname: lambda node: verbatim(_MADE["B"].format(sql(node.this))),
    exp.TimeToStr: _strftime,
    exp.StrToTime: _strptime,
    exp.UnixToTime: _unix_time,
    exp.DateFromParts: _date,
    exp.Interval: interval(sql),
    exp.CurrentTimestamp: lambda _node: verbatim("CAST(GETDATE() AS TIMESTAMPTZ)"),
    exp.Localtimestamp: lambda _node: verbatim("GETDATE()"),
    exp.CurrentTime: refused("the time of the day is not there for rows of tables: use localtimestamp"),
}
