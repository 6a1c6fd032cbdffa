"""PostgreSQL's dialect: where it has not what DuckDB has, or means something else by it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects import formats, regexes
from asterism.plan.dialects.jsonpath import steps
from asterism.plan.dialects.shared import (
    NUMBERS,
    Rule,
    at_the_end,
    contains,
    forward,
    halves_away,
    interval,
    last,
    like,
    numbered,
    part_of,
    part_rules,
    refused,
    verbatim,
    written_patch,
)


def sql(node: exp.Expr) -> str:
    """A part of a statement as text."""
    return str(node.sql(dialect="postgres", identify=True))


def _try_cast(node: exp.Expr) -> exp.Expr:
    value = sql(node.this)
    kind = node.args["to"].sql("postgres")
    return verbatim(f"CASE WHEN PG_INPUT_IS_VALID(CAST({value} AS TEXT), '{kind}') THEN CAST({value} AS {kind}) END")


def _first(node: exp.Expr) -> exp.Expr:
    where = node.args.get("where")
    some = f" FILTER (WHERE {sql(where)})" if where is not None else ""
    return verbatim(f"(ARRAY_AGG({sql(node.this)}){some})[1]")


_FUNCTIONS: dict[str, str] = {
    "dayname": "TRIM(TO_CHAR({0}, 'FMDay'))",
    "monthname": "TRIM(TO_CHAR({0}, 'FMMonth'))",
    "isodow": "CAST(EXTRACT(ISODOW FROM {0}) AS BIGINT)",
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
    if (found := part_of(node)) is not None:
        return _part(*found)
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


def _part(part: str, moment: exp.Expr) -> exp.Expr:
    """A part of a date as the integer that it is in DuckDB, or, of all its seconds, the DOUBLE; here it is numeric."""
    found = f"EXTRACT({part} FROM {sql(moment)})"
    return verbatim(f"CAST({found} AS DOUBLE PRECISION)" if part == "EPOCH" else f"CAST(TRUNC({found}) AS BIGINT)")


def _truncated(node: exp.Expr) -> exp.Expr:
    """A date is truncated to a time without a zone, as in DuckDB; PostgreSQL would give it one."""
    unit = node.text("unit")
    if unit.upper() in ("CENTURY", "MILLENNIUM"):
        raise UnsupportedError(f"a {unit.lower()} begins a year later there")
    return verbatim(f"DATE_TRUNC({exp.Literal.string(unit).sql('postgres')}, {sql(node.this)} + INTERVAL '0')")


_SECONDS = {"HOUR": 3600, "MINUTE": 60, "SECOND": 1}
_FRACTIONS = {"MILLISECOND": 1000, "MICROSECOND": 1000000}
_MONTHS = {"MONTH": 12, "QUARTER": 4}


def _difference(node: exp.Expr) -> exp.Expr:
    """How many times a unit began between two moments, and for a week seven days."""
    unit = (node.text("unit") or "DAY").upper()
    end, start = (f"CAST({sql(each)} AS TIMESTAMP)" for each in (node.this, node.expression))
    begun = [f"DATE_TRUNC('{unit}', {each})" for each in (end, start)]
    if unit in ("DAY", "WEEK"):
        days = f"CAST({end} AS DATE) - CAST({start} AS DATE)"
        return verbatim(f"CAST(({days}){' / 7' if unit == 'WEEK' else ''} AS BIGINT)")
    if unit in _SECONDS or unit in _FRACTIONS:
        much = f"* {_FRACTIONS[unit]}" if unit in _FRACTIONS else f"/ {_SECONDS[unit]}"
        return verbatim(f"CAST(EXTRACT(EPOCH FROM {' - '.join(begun)}) {much} AS BIGINT)")
    if unit not in _MONTHS and unit != "YEAR":
        raise UnsupportedError(f"the difference in {unit.lower()} is not known there")
    years = f"EXTRACT(YEAR FROM {end}) - EXTRACT(YEAR FROM {start})"
    if unit == "YEAR":
        return verbatim(f"CAST({years} AS BIGINT)")
    rest = f"EXTRACT({unit} FROM {end}) - EXTRACT({unit} FROM {start})"
    return verbatim(f"CAST(({years}) * {_MONTHS[unit]} + {rest} AS BIGINT)")


_SPELLED = {
    "Y": "YYYY", "y": "YY", "m": "MM", "d": "DD", "j": "DDD", "H": "HH24", "I": "HH12", "M": "MI", "S": "SS", "p": "AM",
    "f": "US", "g": "MS", "B": "FMMonth", "b": "Mon", "A": "FMDay", "a": "Dy", "V": "IW", "G": "IYYY", "u": "ID",
    "-d": "FMDD", "-m": "FMMM", "-H": "FMHH24", "-I": "FMHH12", "-M": "FMMI", "-S": "FMSS", "-j": "FMDDD",
}  # fmt: skip
_READ = {**{each: _SPELLED[each] for each in "YymdjHIMSpb"}, "B": "Month", "S.f": "SS.US"}


def _plain(text: str) -> str | None:
    """A text that means itself within a format: letters of it are quoted."""
    return re.sub(r"[A-Za-z]+", lambda found: f'"{found[0]}"', text) if not re.search(r'["\\]', text) else None


def _strftime(node: exp.Expr) -> exp.Expr:
    moment = sql(node.this)
    made = {"w": f"CAST(EXTRACT(DOW FROM {moment}) AS TEXT)"}

    def formatted(form: str) -> str:
        return f"TO_CHAR({moment}, {exp.Literal.string(form).sql('postgres')})"

    found = formats.pieces(node.args.get("format"), _SPELLED, made, formatted, _plain, sql)
    return verbatim(found[0] if len(found) == 1 else f"({' || '.join(found)})")


def _strptime(node: exp.Expr) -> exp.Expr:
    """A time without a zone, as in DuckDB."""
    form = exp.Literal.string(formats.parsed(node.args.get("format"), _READ, _plain)).sql("postgres")
    return verbatim(f"CAST(TO_TIMESTAMP({sql(node.this)}, {form}) AS TIMESTAMP)")


def _item(node: exp.Expr) -> exp.Expr:
    """`list[-1]` counts from the end; sqlglot counts from 0."""
    place = node.expressions[0] if len(node.expressions) == 1 else None
    if isinstance(place, exp.Slice) and place.find(exp.Neg):
        raise UnsupportedError("a part of a list is not counted from its end")
    if not isinstance(place, exp.Neg) or not isinstance(place.this, exp.Literal):
        return node
    value = sql(node.this)
    return verbatim(f"({value})[CARDINALITY({value}) + 2 - {place.this.name}]")


def _pattern(node: exp.Expr, letters: str = "") -> str:
    """A regular expression, of which one that is written out is read anew."""
    if isinstance(node, exp.Literal) and "s" not in letters:
        return sql(exp.Literal.string(regexes.within_lines(node.name)))
    return sql(node)


def _matches(*, whole: bool = False, letters: str = "") -> Rule:
    """SIMILAR TO, whose pattern is one of SQL's own here, is a match of the whole in DuckDB."""

    def rule(node: exp.Expr) -> exp.Expr:
        given = letters + regexes.flags(node, "flag")
        pattern = _pattern(node.expression, given)
        pattern = f"('^(?:' || {pattern} || ')$')" if whole else pattern
        return verbatim(f"({sql(node.this)} ~{'*' if 'i' in given else ''} {pattern})")

    return rule


def _extracted(node: exp.Expr) -> exp.Expr:
    """Nothing that matches is an empty text in DuckDB, and NULL here."""
    number, letters, text = regexes.group(node), regexes.flags(node, "parameters"), sql(node.this)
    options = "i" if "i" in letters else ""
    found = f"REGEXP_SUBSTR({text}, {_pattern(node.expression, letters)}, 1, 1, '{options}', {number})"
    return verbatim(f"CASE WHEN {text} IS NOT NULL THEN COALESCE({found}, '') END")


def _series(node: exp.Expr) -> exp.Expr:
    """A list, where it is not read as a table: it would be as many rows. That of dates is of times without a zone."""
    step = node.args.get("step")
    if step is not None and (isinstance(step, exp.Interval) or step.meta.get("interval")):
        node.set("start", exp.Add(this=exp.Paren(this=node.args["start"].copy()), expression=verbatim("INTERVAL '0'")))
    elif node.args.get("is_end_exclusive"):
        node.set("end", last(node))
        node.set("is_end_exclusive", None)
    if isinstance(node.parent, (exp.Table, exp.From, exp.Join, exp.Lateral)):
        return node
    return verbatim(f"ARRAY(SELECT {sql(node)})")


def _star(node: exp.Expr) -> exp.Expr:
    if any(node.args.get(each) for each in ("except_", "replace", "rename")):
        raise UnsupportedError("no column of a star is left out or replaced there: name the columns")
    return node


def _replaced(node: exp.Expr) -> exp.Expr:
    r"""`\0` is all that matches; here it is `\&`."""
    made, pattern = node.args.get("replacement"), node.expression
    if isinstance(made, exp.Literal):
        made.replace(exp.Literal.string(made.name.replace("\\0", "\\&")))
    pattern.replace(verbatim(_pattern(pattern, regexes.flags(node, "modifiers"))))
    return node


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


RULES: dict[type[exp.Expr], Rule] = {
    **part_rules(_part),
    exp.TryCast: _try_cast,
    exp.First: _first,
    exp.Parameter: numbered,
    exp.Placeholder: numbered,
    exp.DataType: _type,
    exp.TimestampTrunc: _truncated,
    exp.DateTrunc: _truncated,
    exp.DateDiff: _difference,
    exp.StrToTime: _strptime,
    exp.TimeToStr: _strftime,
    exp.Interval: interval(sql),
    exp.IntDiv: lambda node: verbatim(f"CAST(DIV({sql(node.this)}, {sql(node.expression)}) AS BIGINT)"),
    exp.Round: halves_away(sql),
    exp.Like: like,
    exp.ILike: like,
    exp.Contains: contains(sql),
    exp.EndsWith: at_the_end(sql),
    exp.Substring: forward,
    exp.Bracket: _item,
    exp.SimilarTo: _matches(whole=True),
    exp.RegexpLike: _matches(),
    exp.RegexpILike: _matches(letters="i"),
    exp.RegexpFullMatch: _matches(whole=True),
    exp.RegexpExtract: _extracted,
    exp.RegexpReplace: _replaced,
    exp.GenerateSeries: _series,
    exp.Format: refused("format() is another function there: join texts by ||"),
    exp.Star: _star,
    exp.Anonymous: _anonymous,
    exp.UnixToTime: _unix_time,
    exp.JSONExtract: _json("#>"),
    exp.JSONExtractScalar: _json("#>>"),
    exp.JSONKeys: _keys,
    exp.DateFromParts: lambda node: exp.Anonymous(this="MAKE_DATE", expressions=[*node.args.values()]),
    exp.Dayname: _function("dayname"),
    exp.Monthname: _function("monthname"),
}
