"""Text to tree."""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from asterism.errors import Problem
from asterism.plan.dialects.duck import Duck

DIALECT = "duckdb, normalization_strategy=case_sensitive"
ONE = "Keep one SELECT a file."
_TOKEN = re.compile(r"<Token token_type: \S+, text: (.*?), line: [^>]*>")
"""How sqlglot tells of a token."""


class Refused(Exception):
    """The SQL is wrong or is not allowed. `line` counts within the SQL, from 1."""

    def __init__(self, fact: str, remedy: str = "", line: int = 1) -> None:
        super().__init__(fact)
        self.fact = fact
        self.remedy = remedy
        self.line = line
        self.others: tuple[Refused, ...] = ()

    def with_others(self, others: Iterable[Refused]) -> Refused:
        """The same, which tells of what else is wrong with the SQL."""
        self.others = tuple(others)
        return self

    def problem(self, path: str, first_line: int) -> Problem:
        """The same, as a problem of the file in which the SQL begins at `first_line`."""
        return Problem(f"{path}:{first_line + self.line - 1}", self.fact, self.remedy)

    def problems(self, path: str, first_line: int) -> list[Problem]:
        """The same with all else that is wrong with the SQL."""
        return [each.problem(path, first_line) for each in (self, *self.others)]


def parse(sql: str) -> exp.Query:
    """Parse one SELECT (or set operation) of DuckDB's dialect. Raises Refused."""
    try:
        statements = [statement for statement in sqlglot.parse(sql, read=Duck) if statement is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        near = str(first.get("highlight") or "").strip()
        fact = _TOKEN.sub(r"'\1'", str(first.get("description") or error)).rstrip(".")
        fact = f"the SQL does not parse: {fact}{f', near {near!r}' if near else ''}"
        raise Refused(fact, "Correct the SQL; it is DuckDB's dialect.", int(first.get("line") or 1)) from error
    except TokenError as error:
        raise Refused(
            f"the SQL does not parse: {error}", "Correct the SQL; look for an open quote or comment."
        ) from error
    if not statements:
        raise Refused("there is no SELECT", "Write one SELECT below the header.")
    if len(statements) > 1:
        raise Refused("there are several statements", ONE)
    (query,) = statements
    if isinstance(query, exp.Subquery):
        query = query.unnest()
    if not isinstance(query, exp.Query):
        kind = query.key.upper()
        raise Refused(f"it is {'an' if kind[0] in 'AEIOU' else 'a'} {kind}, not a SELECT", ONE)
    return query


def line_of(message: str) -> int:
    """The line that a message of sqlglot names, 1 where it names none."""
    match = re.search(r"Line: (\d+)", message)
    return int(match[1]) if match else 1
