"""PostgreSQL's dialect: where it has not what DuckDB has, or means something else by it."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialect import NUMBERS, numbered, verbatim, written_patch
from asterism.plan.jsonpath import steps


def sql(node: exp.Expr) -> str:
    """A part of a statement as text."""
    return str(node.sql(dialect="postgres", identify=True))


def _try_cast(node: exp.Expr) -> exp.Expr:
    value = sql(node.this)
    kind = node.args["to"].sql("postgres")
    return verbatim(f"CASE WHEN PG_INPUT_IS_VALID(CAST({value} AS TEXT), '{kind}') THEN CAST({value} AS {kind}) END")


def _first(node: exp.Expr) -> exp.Expr:
    return verbatim(f"(ARRAY_AGG({sql(node.this)}))[1]")


_FUNCTIONS: dict[str, str] = {
    "dayname": "TRIM(TO_CHAR({0}, 'FMDay'))",
    "monthname": "TRIM(TO_CHAR({0}, 'FMMonth'))",
    "isodow": "CAST(EXTRACT(ISODOW FROM {0}) AS BIGINT)",
    "isoyear": "CAST(EXTRACT(ISOYEAR FROM {0}) AS BIGINT)",
    "epoch_ms": "(TIMESTAMP 'epoch' + {0} * INTERVAL '1 millisecond')",
    "make_timestamp": "(TIMESTAMP 'epoch' + {0} * INTERVAL '1 microsecond')",
}


def _function(name: str) -> Callable[[exp.Expr], exp.Expr]:
    template = _FUNCTIONS[name]

    def rule(node: exp.Expr) -> exp.Expr:
        return verbatim(template.format(sql(node.this)))

    return rule


def _keys(node: exp.Expr) -> exp.Expr:
    """`json_keys`: in the order that jsonb keeps them in, and none of what is no object."""
    if node.args.get("expression"):
        return node
    value = sql(node.this)
    keys = f"WHEN JSONB_TYPEOF({value}) = 'object' THEN ARRAY(SELECT JSONB_OBJECT_KEYS({value}))"
    return verbatim(f"(CASE {keys} WHEN NOT {value} IS NULL THEN CAST(ARRAY[] AS TEXT[]) END)")


def _patched(node: exp.Expr) -> exp.Expr:
    """`json_merge_patch` with an object that is written out: NULLs take fields away. What is no object is the patch."""
    target, patch = node.expressions
    fields = written_patch(patch)
    if fields is None:
        return node
    value, other = sql(target), f"CAST({patch.sql('postgres')} AS JSONB)"
    gone = ", ".join(exp.Literal.string(name).sql("postgres") for name, each in fields.items() if each is None)
    left = f"({value} - CAST(ARRAY[{gone}] AS TEXT[]))"
    kept = exp.Literal.string(json.dumps({name: each for name, each in fields.items() if each is not None}))
    made = f"{left} || CAST({kept.sql('postgres')} AS JSONB)"
    return verbatim(f"(CASE WHEN JSONB_TYPEOF({value}) = 'object' THEN {made} ELSE {other} END)")


def _anonymous(node: exp.Expr) -> exp.Expr:
    name = node.name.lower()
    if name == "json_merge_patch":
        return _patched(node)
    if name in ("date_part", "datepart") and isinstance(node.expressions[0], exp.Literal):
        return _part_of(node.expressions[0].name.upper(), node.expressions[-1])
    template = _FUNCTIONS.get(name)
    if template is None:
        return node
    return verbatim(template.format(*(sql(each) for each in node.expressions)))


def _unix_time(node: exp.Expr) -> exp.Expr:
    """`epoch_ms` and `make_timestamp`: a time without a zone, as in DuckDB."""
    scale = node.args.get("scale")
    name = {"3": "epoch_ms", "6": "make_timestamp"}.get(scale.name if scale is not None else "")
    return verbatim(_FUNCTIONS[name].format(sql(node.this))) if name else node


def _json(operator: str) -> Callable[[exp.Expr], exp.Expr]:
    """`->` and `->>` with a path of keys and places; JSON is jsonb there."""

    def rule(node: exp.Expr) -> exp.Expr:
        found = steps(node.args["expression"])
        if found is None:
            return node
        keys = ", ".join(exp.Literal.string(str(each)).sql("postgres") for each in found)
        path = f"ARRAY[{keys}]" if keys else "'{}'"
        return verbatim(f"({sql(node.this)} {operator} {path})")

    return rule


def _part(part: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda node: _part_of(part, node.this)


def _part_of(part: str, moment: exp.Expr) -> exp.Expr:
    """A part of a date as the integer that it is in DuckDB, or, of all its seconds, the DOUBLE; here it is numeric."""
    found = f"EXTRACT({part} FROM {sql(moment)})"
    return verbatim(f"CAST({found} AS DOUBLE PRECISION)" if part == "EPOCH" else f"CAST(TRUNC({found}) AS BIGINT)")


def _truncated(node: exp.Expr) -> exp.Expr:
    """A date is truncated to a time without a zone, as in DuckDB; PostgreSQL would give it one."""
    unit = exp.Literal.string(node.text("unit")).sql("postgres")
    return verbatim(f"DATE_TRUNC({unit}, {sql(node.this)} + INTERVAL '0')")


def _parsed(node: exp.Expr) -> exp.Expr:
    """`strptime`: a time without a zone, as in DuckDB."""
    return verbatim(f"CAST({_known(node)} AS TIMESTAMP)")


def _known(node: exp.Expr) -> str:
    """What is made of a node with a format, where all of it is known there. Days of the week are counted otherwise."""
    text = sql(node)
    if text.count("%") > sql(node.this).count("%") or any(each in node.text("format") for each in ("%u", "%w")):
        raise UnsupportedError(f"the format {node.text('format')!r} is not known there")
    return text


def _round(node: exp.Expr) -> exp.Expr:
    """A half goes away from zero; of a DOUBLE it would go to the even number here."""
    if node.args.get("decimals"):
        return node
    value = sql(node.this)
    return verbatim(f"TRUNC(({value}) + SIGN({value}) * 0.5)")


def _substring(node: exp.Expr) -> exp.Expr:
    if isinstance(node.args.get("start"), exp.Neg):
        raise UnsupportedError("a place of a text is not counted from its end: use right()")
    return node


def _item(node: exp.Expr) -> exp.Expr:
    """`list[-1]` counts from the end; sqlglot counts from 0."""
    place = node.expressions[0] if len(node.expressions) == 1 else None
    if not isinstance(place, exp.Neg) or not isinstance(place.this, exp.Literal):
        return node
    value = sql(node.this)
    return verbatim(f"({value})[CARDINALITY({value}) + 2 - {place.this.name}]")


def _similar(node: exp.Expr) -> exp.Expr:
    """SIMILAR TO takes a regular expression in DuckDB, and one of SQL's own here."""
    return verbatim(f"({sql(node.this)} ~ ('^(?:' || {sql(node.expression)} || ')$'))")


def _series(node: exp.Expr) -> exp.Expr:
    """A list, where it is not read as a table: it would be as many rows. That of dates is of times without a zone."""
    if isinstance(node.args.get("step"), exp.Interval):
        node.set("start", exp.Add(this=exp.Paren(this=node.args["start"].copy()), expression=verbatim("INTERVAL '0'")))
    if isinstance(node.parent, (exp.Table, exp.From, exp.Join, exp.Lateral)):
        return node
    return verbatim(f"ARRAY(SELECT {sql(node)})")


def _format(_node: exp.Expr) -> exp.Expr:
    raise UnsupportedError("format() is another function there: join texts by ||")


_TYPES = {
    **NUMBERS, "JSON": "JSONB", "STRUCT": "JSONB", "MAP": "JSONB", "TIMETZ": "TEXT",
    "TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP", "TIMESTAMP_NS": "TIMESTAMP",
}  # fmt: skip
_INNER = {"STRUCT", "MAP", "ARRAY", "LIST"}
"""Types that a list cannot be of: JSON has them all."""


def _type(node: exp.Expr) -> exp.Expr:
    kind = getattr(node.this, "value", str(node.this))
    if kind in _INNER and isinstance(node.parent, exp.DataType):
        return node
    inner = {getattr(each.this, "value", "") for each in node.expressions}
    name = "JSONB" if kind in {"ARRAY", "LIST"} and _INNER & inner else _TYPES.get(kind)
    return exp.DataType.build(name, dialect="postgres") if name else node


RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.TryCast: _try_cast,
    exp.First: _first,
    exp.Parameter: numbered,
    exp.Placeholder: numbered,
    exp.DataType: _type,
    exp.Extract: lambda node: _part_of(node.name.upper(), node.expression),
    exp.TimestampTrunc: _truncated,
    exp.DateTrunc: _truncated,
    exp.StrToTime: _parsed,
    exp.TimeToStr: lambda node: verbatim(_known(node)),
    exp.IntDiv: lambda node: verbatim(f"CAST(DIV({sql(node.this)}, {sql(node.expression)}) AS BIGINT)"),
    exp.Round: _round,
    exp.Substring: _substring,
    exp.Bracket: _item,
    exp.SimilarTo: _similar,
    exp.GenerateSeries: _series,
    exp.Format: _format,
    exp.Anonymous: _anonymous,
    exp.UnixToTime: _unix_time,
    exp.JSONExtract: _json("#>"),
    exp.JSONExtractScalar: _json("#>>"),
    exp.JSONKeys: _keys,
    exp.DateFromParts: lambda node: exp.Anonymous(this="MAKE_DATE", expressions=[*node.args.values()]),
    exp.Dayname: _function("dayname"),
    exp.Monthname: _function("monthname"),
    exp.DayOfWeekIso: _function("isodow"),
    exp.Year: _part("YEAR"),
    exp.Month: _part("MONTH"),
    exp.Day: _part("DAY"),
    exp.Quarter: _part("QUARTER"),
    exp.DayOfMonth: _part("DAY"),
    exp.DayOfYear: _part("DOY"),
    exp.Hour: _part("HOUR"),
    exp.Minute: _part("MINUTE"),
    exp.Second: _part("SECOND"),
}
