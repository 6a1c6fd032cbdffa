"""Regular expressions: DuckDB's are RE2's."""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.errors import UnsupportedError

_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(\?P?<\w+>|\((?!\?)|\$|.", re.DOTALL)


def flags(node: exp.Expr, name: str) -> str:
    """The letters of a call's options, `g`, `i` and `s`. Raises UnsupportedError for others."""
    given = node.args.get(name)
    letters = set(given.name) - {"c"} if isinstance(given, exp.Literal) else set()
    if letters - {"g", "i", "s"} or not (given is None or isinstance(given, exp.Literal)):
        raise UnsupportedError("of a regular expression's options 'c', 'g', 'i' and 's' are known there")
    return "".join(sorted(letters))


def group(node: exp.Expr) -> int:
    """Which group a call takes; 0 is all of it."""
    given = node.args.get("group")
    if given is None:
        return 0
    if not isinstance(given, exp.Literal) or given.is_string:
        raise UnsupportedError("the group of a regular expression must be a number that is written out")
    return int(given.name)


def within_lines(pattern: str) -> str:
    """The pattern for an engine whose point matches the end of a line as well: RE2's does so with `s` alone."""
    if re.search(r"\(\?[imU]*s", pattern):
        return pattern
    return "".join(r"[^\n]" if part == "." else part for part in _PART.findall(pattern))


def alone(pattern: str, number: int = 0, end: str = "$") -> str:
    """The pattern with no group but the one of that number. `end` says the end of the text."""
    count, made = 0, []
    for part in _PART.findall(pattern):
        opens = part.startswith("(")
        count += opens
        made.append("(?:" if opens and count != number else "(" if opens else end if part == "$" else part)
    if number > count:
        raise UnsupportedError(f"the regular expression {pattern!r} has no group {number}")
    return "".join(made)
