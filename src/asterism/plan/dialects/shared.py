"""What the translations to several dialects share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import UnsupportedError

Rule = Callable[[Any], exp.Expr]
Writer = Callable[[exp.Expr], str]
"""Makes a part of a statement into text."""

NUMBERS = {
    "INT128": "DECIMAL(38, 0)",
    "UBIGINT": "DECIMAL(20, 0)",
    "UINT": "BIGINT",
    "USMALLINT": "INT",
    "UTINYINT": "SMALLINT",
    "TINYINT": "SMALLINT",
}
"""Whole numbers of DuckDB's that PostgreSQL and its kin have not, and what holds them there."""

PARTS: Mapping[type[exp.Expr], str] = {
    exp.Year: "YEAR", exp.Quarter: "QUARTER", exp.Month: "MONTH", exp.Week: "WEEK", exp.WeekOfYear: "WEEK",
    exp.Day: "DAY", exp.DayOfMonth: "DAY", exp.DayOfYear: "DOY", exp.DayOfWeek: "DOW", exp.DayOfWeekIso: "ISODOW",
    exp.Hour: "HOUR", exp.Minute: "MINUTE", exp.Second: "SECOND", exp.TimeToUnix: "EPOCH",
}  # fmt: skip
"""Functions that take a part out of a date or a time."""
_NAMED_PARTS = {"isoyear": "ISOYEAR", "millisecond": "MILLISECOND", "microsecond": "MICROSECOND", "weekday": "DOW"}
_PART_NAMES = {
    "WEEKDAY": "DOW", "DAYOFWEEK": "DOW", "DAYOFYEAR": "DOY", "WEEKOFYEAR": "WEEK", "DAYOFMONTH": "DAY",
    "YEARS": "YEAR", "QUARTERS": "QUARTER", "MONTHS": "MONTH", "WEEKS": "WEEK", "DAYS": "DAY", "HOURS": "HOUR",
    "MINUTES": "MINUTE", "SECONDS": "SECOND", "MILLISECONDS": "MILLISECOND", "MICROSECONDS": "MICROSECOND",
}  # fmt: skip


def verbatim(text: str) -> exp.Expr:
    """Text that is already of the target's dialect: sqlglot writes a variable's name as it stands."""
    return exp.Var(this=text)


def numbered(node: exp.Expr) -> exp.Expr:
    """A parameter as `$1`."""
    return verbatim(f"${node.name}")


def refused(why: str) -> Rule:
    """A rule for what is not there, or is something else."""

    def rule(_node: exp.Expr) -> exp.Expr:
        raise UnsupportedError(why)

    return rule


def part_rules(write: Callable[[str, exp.Expr], exp.Expr]) -> dict[type[exp.Expr], Rule]:
    """Rules for parts of dates and times, each written by its name and what it is a part of."""

    def rule(part: str) -> Rule:
        return lambda node: write(part, node.this)

    found: dict[type[exp.Expr], Rule] = {kind: rule(part) for kind, part in PARTS.items()}
    found[exp.Extract] = lambda node: write(_part(node.this.name), node.expression)
    return found


def part_of(node: exp.Expr) -> tuple[str, exp.Expr] | None:
    """The part that is asked for by a function of sqlglot's no notion, and what it is a part of."""
    name, given = node.name.lower(), node.expressions
    if name in ("date_part", "datepart") and isinstance(given[0], exp.Literal):
        return _part(given[0].name), given[-1]
    return (_NAMED_PARTS[name], given[0]) if name in _NAMED_PARTS else None


def _part(name: str) -> str:
    return _PART_NAMES.get(name.upper(), name.upper())


def written_patch(patch: exp.Expr) -> dict[str, Any] | None:
    """The fields of a `json_merge_patch` that is written out and has no object in it; None of any other."""
    try:
        fields = json.loads(patch.name) if isinstance(patch, exp.Literal) else None
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and not any(isinstance(each, dict) for each in fields.values()) else None


def like(node: exp.Expr) -> exp.Expr:
    r"""LIKE and ILIKE: a `\` is one more character, where other engines let it precede one that is meant itself."""
    pattern = node.expression
    if isinstance(node.parent, exp.Escape):
        return node
    if isinstance(pattern, exp.Literal):
        pattern.replace(exp.Literal.string(pattern.name.replace("\\", "\\\\")))
    elif any("\\" in each.name for each in pattern.find_all(exp.Literal)) or pattern.find(
        exp.Column, exp.Placeholder, exp.Parameter, exp.Var, exp.Subquery
    ):
        one, two = exp.Literal.string("\\"), exp.Literal.string("\\\\")
        pattern.replace(exp.Replace(this=pattern.copy(), expression=one, replacement=two))
    return node


def contains(write: Writer) -> Rule:
    """`contains(text, part)`."""
    return lambda node: verbatim(f"(STRPOS({write(node.this)}, {write(node.expression)}) > 0)")


def at_the_end(write: Writer) -> Rule:
    """`ends_with(text, part)`."""

    def rule(node: exp.Expr) -> exp.Expr:
        text, part = write(node.this), write(node.expression)
        return verbatim(f"(RIGHT({text}, LENGTH({part})) = {part})")

    return rule


def halves_away(write: Writer) -> Rule:
    """`round` to a whole number: a half goes away from zero, of a DOUBLE too."""

    def rule(node: exp.Expr) -> exp.Expr:
        value = write(node.this)
        return node if node.args.get("decimals") else verbatim(f"TRUNC(({value}) + SIGN({value}) * 0.5)")

    return rule


def forward(node: exp.Expr) -> exp.Expr:
    """`substring`, whose place is not counted from the end."""
    if isinstance(node.args.get("start"), exp.Neg):
        raise UnsupportedError("a place of a text is not counted from its end: use right()")
    return node


def interval(write: Writer) -> Rule:
    """An interval of as many units as a value says."""

    def rule(node: exp.Expr) -> exp.Expr:
        count, unit = node.this, node.text("unit").upper()
        if isinstance(count, exp.Literal) and "." in count.name and unit:
            raise UnsupportedError("an interval has a whole number of units")
        if count is None or isinstance(count, exp.Literal | exp.Neg) or not unit:
            return node
        one = "3 MONTH" if unit == "QUARTER" else f"1 {unit}"
        made = verbatim(f"(({write(count)}) * INTERVAL '{one}')")
        made.meta["interval"] = True
        return made

    return rule


def last(series: exp.Expr) -> exp.Expr:
    """The end of a series of numbers that `range` leaves out, as the last that may be in it."""
    end: exp.Expr = series.args["end"]
    step = series.args.get("step")
    if not series.args.get("is_end_exclusive"):
        return end.copy()
    one: exp.Expr = exp.Literal.number(1)
    if isinstance(step, exp.Neg):
        return exp.Add(this=exp.paren(end.copy()), expression=one)
    if step is not None and not isinstance(step, exp.Literal):
        one = exp.cast(exp.Sign(this=step.copy()), "BIGINT")
    plain = isinstance(end, exp.Literal | exp.Column)
    return exp.Sub(this=end.copy() if plain else exp.paren(end.copy()), expression=one)


def filtered(tree: exp.Expr) -> None:
    """FILTER (WHERE …) as a CASE within the aggregate, of all that take no notice of NULL."""
    for node in list(tree.find_all(exp.Filter)):
        around, condition = node.this, node.expression.this
        call = around.this if isinstance(around, exp.IgnoreNulls | exp.RespectNulls) else around
        holder = call.this if isinstance(call.this, exp.Order) else call
        if isinstance(call, exp.ArrayAgg | exp.First | exp.Last) or not isinstance(holder.this, exp.Expr):
            continue
        if isinstance(holder.this, exp.Star):
            holder.set("this", _where(condition, exp.Literal.number(1)))
        elif isinstance(holder.this, exp.Distinct):
            for each in [*holder.this.expressions, *(term.this for term in holder.args.get("expressions") or ())]:
                each.replace(_where(condition, each))
        else:
            holder.set("this", _where(condition, holder.this))
        node.replace(around)


def first_of_some(tree: exp.Expr) -> None:
    """The condition of `first(…) filter (…)` goes to the function, as its `where`: it is written within."""
    for node in list(tree.find_all(exp.Filter)):
        if isinstance(node.this, exp.First | exp.Last):
            node.this.set("where", node.expression.this.copy())
            node.replace(node.this)


def _where(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())])
