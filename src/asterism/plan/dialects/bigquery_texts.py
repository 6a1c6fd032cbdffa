"""Texts and numbers in BigQuery, where a function of the same name does something else, or none has it.

https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from asterism.plan.dialects import regexes
from asterism.plan.dialects.bigquery_types import sql
from asterism.plan.dialects.shared import Rule, contains, like, refused, verbatim


def _text(value: str) -> str:
    return sql(exp.Literal.string(value))


def _escape(node: exp.Expr) -> exp.Expr:
    """There is no ESCAPE: what is meant itself stands behind a backslash."""
    found, sign = node.this, node.expression.name
    pattern = found.expression
    if not isinstance(pattern, exp.Literal) or not isinstance(node.expression, exp.Literal) or len(sign) != 1:
        raise UnsupportedError("BigQuery has no ESCAPE of a pattern that is computed")
    made, rest = "", iter(pattern.name)
    for each in rest:
        made += f"\\{next(rest, '')}" if each == sign else each.replace("\\", "\\\\")
    pattern.replace(exp.Literal.string(made))
    same: exp.Expr = found.copy()
    return same


def _extreme(name: str) -> Rule:
    """`greatest` and `least` of what is not NULL; there one NULL is enough. Each argument gives way to others."""

    def rule(node: exp.Expr) -> exp.Expr:
        given = [sql(each) for each in (node.this, *node.expressions)]
        if len(given) == 1 or all(isinstance(each, exp.Literal) for each in (node.this, *node.expressions)):
            return node
        turns = (f"COALESCE({', '.join(given[place:] + given[:place])})" for place in range(len(given)))
        return verbatim(f"{name}({', '.join(turns)})")

    return rule


def _joined(node: exp.Expr) -> exp.Expr:
    """`concat`: NULL is no text, and numbers are written."""
    parts = [
        sql(each) if isinstance(each, exp.Literal) and each.is_string else f"COALESCE(CAST({sql(each)} AS STRING), '')"
        for each in node.expressions
    ]
    return verbatim(f"CONCAT({', '.join(parts)})")


def _joined_by(node: exp.Expr) -> exp.Expr:
    """`concat_ws`: an array's NULLs are left out."""
    separator, *parts = map(sql, node.expressions)
    listed = ", ".join(f"CAST({each} AS STRING)" for each in parts)
    return verbatim(f"ARRAY_TO_STRING([{listed}], {separator})")


def _split_part(node: exp.Expr) -> exp.Expr:
    """`split_part`: what is not there is an empty text."""
    text, place = sql(node.this), node.args.get("part_index")
    if not isinstance(place, exp.Literal):
        raise UnsupportedError("BigQuery counts parts of a text from its beginning, by a number that is written out")
    found = f"SPLIT({text}, {sql(node.args['delimiter'])})[SAFE_ORDINAL({sql(place)})]"
    return verbatim(f"COALESCE({found}, LEFT({text}, 0))")


def _trimmed(node: exp.Expr) -> exp.Expr:
    """Only spaces are taken away, there all that is white."""
    if node.args.get("expression") is None:
        node.set("expression", exp.Literal.string(" "))
    return node


def _substring(node: exp.Expr) -> exp.Expr:
    start = node.args.get("start")
    if isinstance(start, exp.Literal) and start.name == "0":
        raise UnsupportedError("the first place of a text is 1")
    if isinstance(start, exp.Neg) and node.args.get("length"):
        raise UnsupportedError("a place of a text is not counted from its end: use right()")
    return node


def _pattern(node: exp.Expr, flags: str = "", around: str = "{}") -> str:
    options = f"(?{flags})" if flags else ""
    before, after = around.split("{}")
    if isinstance(node, exp.Literal):
        return _text(f"{options}{before}{node.name}{after}")
    if not options and not before:
        return sql(node)
    return f"CONCAT({_text(options + before)}, {sql(node)}, {_text(after)})"


def _matches(*, whole: bool = False, flags: str = "") -> Rule:
    def rule(node: exp.Expr) -> exp.Expr:
        pattern = _pattern(node.expression, flags or regexes.flags(node, "flag"), "^(?:{})$" if whole else "{}")
        return verbatim(f"REGEXP_CONTAINS({sql(node.this)}, {pattern})")

    return rule


def _replaced(node: exp.Expr) -> exp.Expr:
    """All that matches is replaced there."""
    flags = regexes.flags(node, "modifiers")
    if "g" not in flags:
        raise UnsupportedError("BigQuery replaces all that matches: add 'g', or take the text apart by regexp_extract")
    pattern = _pattern(node.expression, flags.replace("g", ""))
    return verbatim(f"REGEXP_REPLACE({sql(node.this)}, {pattern}, {sql(node.args['replacement'])})")


def _extracted(node: exp.Expr) -> str:
    """What a group matches, or all of it; there a pattern's one group is what is taken."""
    flags, number, pattern = regexes.flags(node, "parameters"), regexes.group(node), node.expression
    if isinstance(pattern, exp.Literal):
        return f"{sql(node.this)}, {_pattern(exp.Literal.string(regexes.alone(pattern.name, number)), flags)}"
    if number:
        raise UnsupportedError("the group of a regular expression that is computed is not known there")
    return f"{sql(node.this)}, {_pattern(pattern, flags, '({})')}"


def _found(node: exp.Expr) -> exp.Expr:
    """No match is an empty text."""
    return verbatim(f"COALESCE(REGEXP_EXTRACT({_extracted(node)}), LEFT({sql(node.this)}, 0))")


def _quotient(node: exp.Expr) -> exp.Expr:
    """A DOUBLE, of decimals too; what is divided by nothing is infinite."""
    made = verbatim(f"IEEE_DIVIDE({sql(node.this)}, {sql(node.expression)})")
    made.meta["double"] = True
    return made


def _logarithm(node: exp.Expr) -> exp.Expr:
    """`log` has the base 10, there it is the natural one."""
    return node if node.args.get("expression") else verbatim(f"LOG10({sql(node.this)})")


RULES: dict[type[exp.Expr], Rule] = {
    exp.Like: like,
    exp.ILike: like,
    exp.Escape: _escape,
    exp.Greatest: _extreme("GREATEST"),
    exp.Least: _extreme("LEAST"),
    exp.Concat: _joined,
    exp.ConcatWs: _joined_by,
    exp.Contains: contains(sql),
    exp.SplitPart: _split_part,
    exp.Trim: _trimmed,
    exp.Substring: _substring,
    exp.SHA: lambda node: verbatim(f"TO_HEX(SHA1({sql(node.this)}))"),
    exp.SHA2: lambda node: verbatim(f"TO_HEX(SHA256({sql(node.this)}))"),
    exp.RegexpLike: _matches(),
    exp.RegexpILike: _matches(flags="i"),
    exp.RegexpFullMatch: _matches(whole=True),
    exp.SimilarTo: _matches(whole=True),
    exp.RegexpReplace: _replaced,
    exp.RegexpExtract: _found,
    exp.RegexpExtractAll: lambda node: verbatim(f"REGEXP_EXTRACT_ALL({_extracted(node)})"),
    exp.Div: _quotient,
    exp.Log: _logarithm,
    exp.Format: refused("format() is another function there: join texts by ||"),
    exp.Typeof: refused("types have other names there"),
}
