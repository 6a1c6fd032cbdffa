"""Texts and numbers in Redshift, where a function of the same name does something else, or none has it.

Regular expressions are Perl's there, which are nearer to DuckDB's than POSIX's are.
https://docs.aws.amazon.com/redshift/latest/dg/String_functions_header.html
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.declare.table import REDSHIFT_TEXT
from asterism.plan.dialects import regexes
from asterism.plan.dialects.shared import Rule, at_the_end, contains, forward, halves_away, like, refused, verbatim

DIALECT = "redshift"
TEXT, JSON, UUID, INTERVAL = (f"VARCHAR({REDSHIFT_TEXT[kind]})" for kind in ("VARCHAR", "JSON", "UUID", "INTERVAL"))
LISTS = "Redshift has no list that can be compared or kept: have a row of a table for each"
_END = r"\z"


def sql(node: exp.Expr) -> str:
    """A part of a statement as text."""
    return str(node.sql(dialect=DIALECT, identify=True))


def _as_text(node: exp.Expr) -> str:
    return sql(node) if isinstance(node, exp.Literal) and node.is_string else f"CAST({sql(node)} AS {TEXT})"


def _joined(node: exp.Expr) -> exp.Expr:
    """`concat`: NULL is no text, and numbers are written."""
    parts = [f"COALESCE({_as_text(each)}, '')" for each in node.expressions]
    return verbatim(f"({' || '.join(parts)})")


def _joined_by(node: exp.Expr) -> exp.Expr:
    """`concat_ws`: each text with what is between before it, and that of the first taken away."""
    between, parts = sql(node.expressions[0]), node.expressions[1:]
    made = " || ".join(f"COALESCE({between} || {_as_text(each)}, '')" for each in parts)
    return verbatim(f"SUBSTRING({made}, LENGTH({between}) + 1)")


def _begins(node: exp.Expr) -> exp.Expr:
    text, part = sql(node.this), sql(node.expression)
    return verbatim(f"(LEFT({text}, LENGTH({part})) = {part})")


def _from_an_end(node: exp.Expr) -> exp.Expr:
    if isinstance(node.expression, exp.Neg):
        raise UnsupportedError("left() and right() count no characters from the other end there")
    return node


def _pattern(node: exp.Expr, group: int = 0, around: str = "{}") -> str:
    if not isinstance(node, exp.Literal):
        raise UnsupportedError("a regular expression must be written out there")
    before, after = around.split("{}")
    return sql(exp.Literal.string(before + regexes.alone(node.name, group, _END) + after))


def _options(flags: str) -> str:
    """Flags as Redshift's parameters: `i`, and `p` for Perl's expressions."""
    if "s" in flags:
        raise UnsupportedError("a point that matches the end of a line is not known there")
    return f"'{'i' if 'i' in flags else ''}p'"


def _matches(*, whole: bool = False, flags: str = "") -> Rule:
    def rule(node: exp.Expr) -> exp.Expr:
        pattern = _pattern(node.expression, around=f"^(?:{{}}){_END}" if whole else "{}")
        options = _options(flags or regexes.flags(node, "flag"))
        return verbatim(f"(REGEXP_COUNT({sql(node.this)}, {pattern}, 1, {options}) > 0)")

    return rule


def _replaced(node: exp.Expr) -> exp.Expr:
    """All that matches is replaced there, and by what a group matched in a way of its own."""
    flags, made = regexes.flags(node, "modifiers"), node.args["replacement"]
    if "g" not in flags:
        raise UnsupportedError("Redshift replaces all that matches: add 'g', or take the text apart by regexp_extract")
    if not isinstance(made, exp.Literal) or any(each in made.name for each in "\\$"):
        raise UnsupportedError("what a group matched is not put in by regexp_replace there")
    return verbatim(f"REGEXP_REPLACE({sql(node.this)}, {_pattern(node.expression)}, {sql(made)}, 1, {_options(flags)})")


def _extracted(node: exp.Expr) -> exp.Expr:
    """No match is an empty text there too. A group that is asked for is the only one."""
    number = regexes.group(node)
    options = _options(regexes.flags(node, "parameters")).replace("p", "ep" if number else "p")
    return verbatim(f"REGEXP_SUBSTR({sql(node.this)}, {_pattern(node.expression, number)}, 1, 1, {options})")


def _logarithm(node: exp.Expr) -> exp.Expr:
    """`log` is that to the base 10, of one argument."""
    base, value = node.this, node.args.get("expression")
    if value is None:
        return node
    if isinstance(base, exp.Literal) and base.name == "10":
        return verbatim(f"LOG({sql(value)})")
    return verbatim(f"(LN({sql(value)}) / LN({sql(base)}))")


RULES: dict[type[exp.Expr], Rule] = {
    exp.Like: like,
    exp.ILike: like,
    exp.Concat: _joined,
    exp.ConcatWs: _joined_by,
    exp.Contains: contains(sql),
    exp.StartsWith: _begins,
    exp.EndsWith: at_the_end(sql),
    exp.Left: _from_an_end,
    exp.Right: _from_an_end,
    exp.Substring: forward,
    exp.RegexpLike: _matches(),
    exp.RegexpILike: _matches(flags="i"),
    exp.RegexpFullMatch: _matches(whole=True),
    exp.SimilarTo: _matches(whole=True),
    exp.RegexpReplace: _replaced,
    exp.RegexpExtract: _extracted,
    exp.IntDiv: lambda node: verbatim(f"CAST(TRUNC(({sql(node.this)}) / ({sql(node.expression)})) AS BIGINT)"),
    exp.Round: halves_away(sql),
    exp.Log: _logarithm,
    exp.Format: refused("format() is not there: join texts by ||"),
}
