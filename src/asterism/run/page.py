"""Pages of an answer: the next begins after the last row of the one before, by value and not by place.

A page is in the query's own order, and where that leaves rows equal, in the order of all its columns. So rows that
come or go between two requests neither repeat nor hide others. Where the order is by something that is not among the
columns, a page begins at a place instead.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlglot import exp

from asterism.declare.table import Column

_SCALAR = re.compile(
    r"BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.*\)|DOUBLE|VARCHAR|UUID|"
    r"DATE|TIME|TIMESTAMP( WITH TIME ZONE)?"
)


@dataclass(frozen=True, slots=True)
class Term:
    """A column by which rows are ordered."""

    name: str
    type: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """What of a page is in its SQL's text."""

    columns: tuple[Column, ...]
    """The question's, with names that are distinct."""
    terms: tuple[Term, ...]
    limit: int
    offset: int
    nulls: tuple[bool, ...] | None
    """Which values of the row to begin after are NULL; None: there is no such row."""


@dataclass(frozen=True, slots=True)
class Page:
    """A form, and the values of the row to begin after."""

    form: Form
    values: tuple[str, ...] = ()


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ends: the values of its last row, and how many rows up to it have the same; or a place."""

    values: list[str | None] | None
    skip: int

    def text(self) -> str:
        """As `after` takes it."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> Mark:
        """Raises ValueError for what was never a mark."""
        mark = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=cls)
        if not 0 <= mark.skip < 2**53:
            raise ValueError(text)
        return mark


def terms_of(tree: exp.Query, columns: Sequence[Column]) -> tuple[Term, ...]:
    """What rows are ordered by, so that hardly any two are equal; empty where that cannot be told of the columns."""
    order = tree.args.get("order")
    found: dict[str, Term] = {}
    for each in order.expressions if order is not None else ():
        column = _column(each.this, tree, columns)
        if column is None or not _SCALAR.fullmatch(column.type):
            return ()
        found.setdefault(
            column.name, Term(column.name, column.type, bool(each.args.get("desc")), bool(each.args.get("nulls_first")))
        )
    if found:
        for column in columns:
            if _SCALAR.fullmatch(column.type):
                found.setdefault(column.name, Term(column.name, column.type))
    return tuple(found.values())


def is_ordered(tree: exp.Query) -> bool:
    """Whether the rows come in an order."""
    return tree.args.get("order") is not None


def page_of(columns: tuple[Column, ...], terms: tuple[Term, ...], limit: int, mark: Mark | None) -> Page:
    """The page after a mark, or the first. Raises ValueError for a mark that is not of this question."""
    if mark is None or mark.values is None:
        return Page(Form(columns, terms, limit, mark.skip if mark else 0, None))
    if len(mark.values) != len(terms):
        raise ValueError("the mark of another question")
    nulls = tuple(value is None for value in mark.values)
    values = tuple(value for value in mark.values if value is not None)
    return Page(Form(columns, terms, limit, mark.skip, nulls), values)


def mark_after(
    rows: Sequence[tuple[Any, ...]], columns: Sequence[Column], terms: Sequence[Term], before: Mark | None
) -> Mark:
    """The mark of a page's last row; `before` is the page's own."""
    places = [next(place for place, each in enumerate(columns) if each.name == term.name) for term in terms]
    values = [_text(rows[-1][place]) for place in places]
    same = 0
    for row in reversed(rows):
        if [_text(row[place]) for place in places] != values:
            break
        same += 1
    if same == len(rows) and before is not None and before.values == values:
        same += before.skip
    return Mark(values, same)


def paged(tree: exp.Query, form: Form, bound: int, dialect: str) -> exp.Query:
    """A SELECT of a page; its parameters are numbered from `bound` on."""
    inner = tree
    if form.terms and not any(tree.args.get(each) for each in ("limit", "offset", "distinct")):
        inner.set("order", None)
    elif not form.terms and not any(tree.args.get(each) for each in ("limit", "offset")):
        return inner.limit(form.limit, copy=False).offset(form.offset, copy=False)
    names = [exp.to_identifier(each.name, quoted=True) for each in form.columns]
    alias = exp.TableAlias(this=exp.to_identifier("_page", quoted=True), columns=names)
    outer = exp.select("*").from_(exp.Subquery(this=inner, alias=alias))
    if form.nulls is not None:
        outer = outer.where(_after(form.terms, form.nulls, bound, dialect))
    for term in form.terms:
        ordered = exp.Ordered(this=_value(term, dialect), desc=term.descending, nulls_first=term.nulls_first)
        outer = outer.order_by(ordered, copy=False)
    return outer.limit(form.limit, copy=False).offset(form.offset, copy=False)


def _after(terms: Sequence[Term], nulls: Sequence[bool], bound: int, dialect: str) -> exp.Expr:
    """Whether a row is the marked one, equal to it, or behind it."""
    numbers = [bound + place - sum(nulls[:place]) for place in range(1, len(terms) + 1)]
    found: exp.Expr = exp.true()
    for term, null, number in reversed([*zip(terms, nulls, numbers, strict=True)]):
        column = _value(term, dialect)
        if null:
            same: exp.Expr = exp.Is(this=column, expression=exp.null())
            behind: exp.Expr = exp.not_(same.copy()) if term.nulls_first else exp.false()
        else:
            text = exp.cast(exp.Parameter(this=exp.Literal.number(number)), "text")
            value = exp.cast(text, term.type, dialect="duckdb")
            same = exp.EQ(this=column, expression=value)
            kind = exp.LT if term.descending else exp.GT
            behind = kind(this=column.copy(), expression=value.copy())
            if not term.nulls_first:
                behind = exp.or_(behind, exp.Is(this=column.copy(), expression=exp.null()))
        found = exp.or_(behind, exp.and_(same, found))
    return found


def _value(term: Term, dialect: str) -> exp.Expr:
    column = exp.column(term.name, quoted=True)
    # What PostgreSQL hands over as text may be of a type that is not compared with text: a uuid, say.
    return exp.cast(column, "text") if dialect == "postgres" and term.type == "VARCHAR" else column


def _column(node: exp.Expr, tree: exp.Query, columns: Sequence[Column]) -> Column | None:
    """The column that a term of ORDER BY means."""
    if isinstance(node, exp.Literal) and not node.is_string:
        place = int(node.this)
        return columns[place - 1] if 0 < place <= len(columns) else None
    items = tree.selects
    plain = len(items) == len(columns) and not tree.is_star
    if plain:
        for item, column in zip(items, columns, strict=True):
            if isinstance(node, exp.Column) and not node.table and item.alias_or_name.lower() == node.name.lower():
                return column
        return next((column for item, column in zip(items, columns, strict=True) if item.unalias() == node), None)
    if isinstance(node, exp.Column):
        named = [column for column in columns if column.name.lower() == node.name.lower()]
        return named[0] if len(named) == 1 else None
    return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | Decimal | float | UUID):
        return repr(value) if isinstance(value, float) else str(value)
    raise TypeError(type(value))  # no column of these types is a term
