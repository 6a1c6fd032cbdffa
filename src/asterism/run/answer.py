"""Answer: a question in SQL, read-only, with bound parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from math import isfinite
from typing import Any
from uuid import UUID

from sqlglot import exp
from sqlglot.errors import ParseError

from asterism.declare.model import Parameter, Query
from asterism.declare.table import Column
from asterism.errors import EngineError, UsageError
from asterism.plan import clock
from asterism.plan.parse import ONE, Refused, parse
from asterism.plan.qualify import sources, spell_streams
from asterism.plan.translate import translate
from asterism.plan.tree import named_table
from asterism.ports.engine import Foreseeing
from asterism.ports.reader import Reader
from asterism.project.nearest import suggestion
from asterism.run.bounds import bounded, foreseen, unbound
from asterism.run.fence import refuse_reaching_out
from asterism.run.page import Form, Page, Term, is_ordered, paged, terms_of
from asterism.run.warehouse import Warehouse

_KEPT = 512
"""Questions whose SQL is kept as the engine is asked it: to parse and write it costs more than to run it."""
_PASSING = (exp.Rand, exp.Uuid)
_PASSING_NAMES = re.compile(r"nextval|uuid|uuidv\d|gen_random_uuid|random|today|age|(duckdb|pragma)_.*")
_ONE = "Ask with one SELECT; data comes in by sources and models."
_OWN_SCHEMAS = {"_asterism", "information_schema", "pg_catalog"}


_BITS = {"tinyint": 8, "smallint": 16, "integer": 32, "int": 32, "bigint": 64, "hugeint": 128}
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_MOMENT = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?"


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


_READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    **dict.fromkeys(_BITS, (r"[+-]?\d{1,40}", int)),
    **dict.fromkeys(("double", "float", "real"), (_NUMBER, _finite)),
    **dict.fromkeys(("decimal", "numeric"), (_NUMBER, Decimal)),
    "boolean": (r"(?i:true|false|t|f|0|1)", str),
    "date": (r"\d{4}-\d\d-\d\d", date.fromisoformat),
    **dict.fromkeys(("timestamp", "timestamptz", "timestamp with time zone"), (_MOMENT, datetime.fromisoformat)),
    "json": (".*", json.loads),
    "uuid": (r"[0-9A-Fa-f-]{36}", UUID),
}
"""How the text of a value must look, and what reads it."""


class UnfitError(UsageError):
    """A parameter is missing, not known, or has a value that does not fit."""

    def __init__(self, subject: str, fact: str, remedy: str, parameter: str) -> None:
        super().__init__(subject, fact, remedy)
        self.parameter = parameter


class SqlError(UsageError):
    """What was asked is not one SELECT that may be asked. `line` and `column` count from 1; 0: not known."""

    def __init__(self, subject: str, fact: str, remedy: str, line: int = 0, column: int = 0) -> None:
        super().__init__(subject, fact, remedy)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Answered:
    """A result: column names, and rows of Python values in their order."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Statement:
    """What the engine is asked."""

    text: str
    values: list[Any]
    passing: bool
    """Whether its answer may differ while the warehouse's data stay as they are."""
    tree: exp.Query
    """The same in DuckDB's dialect."""


def answer(warehouse: Warehouse, question: str | Query, values: Mapping[str, str] | None = None) -> Answered:
    """Run one SELECT. A string is ad hoc SQL, of DuckDB's dialect; a Query has typed parameters, given as text.

    Nothing can be written, and files, network and settings are out of reach. Raises UsageError for anything but one
    SELECT, an unknown or missing parameter, or a value that does not fit; EngineError where the engine refuses.
    """
    tables = frozenset({model.name for model in warehouse.models} | warehouse.raw_tables().keys())
    asked = statement(question, values or {}, tables, warehouse.engine.dialect)
    with closing(warehouse.engine.reader()) as reader:
        columns = columns_of(reader, asked, tables)
        rows = [row for part in reader.rows(asked.text, asked.values, columns) for row in part]
        return Answered(tuple(each.name for each in columns), rows)


def columns_of(reader: Reader, asked: Statement, tables: Collection[str]) -> tuple[Column, ...]:
    """The columns of an answer. `tables` are as for `statement`. Raises SqlError for what no table is, EngineError."""
    try:
        found = reader.shape(asked.text, asked.values)
    except EngineError as error:
        if not error.interrupted and not error.unavailable:
            _refuse_missing(reader, asked.tree, tables)
        raise
    if not isinstance(reader, Foreseeing) or not unbound(reader.dialect, found):
        return found
    query = asked.tree.copy()
    for node in [*query.find_all(exp.Parameter)]:
        node.replace(exp.null())  # what it is cast to says its type
    try:
        inputs = {name: reader.shape(_all(name, reader.dialect)) for name, _ in sources(query)}
    except EngineError as error:
        if error.interrupted or error.unavailable:
            raise
        return found
    kinds = [each.type for each in foreseen(reader, query, inputs)]
    if len(kinds) != len(found):
        return found
    return tuple(bounded(each, kind, whole="HUGEINT") for each, kind in zip(found, kinds, strict=True))


def _refuse_missing(reader: Reader, query: exp.Query, tables: Collection[str]) -> None:
    """Raise EngineError for a table that is not made yet, SqlError for one that never will be."""
    for name, line in sources(query):
        try:
            reader.shape(_all(name, reader.dialect))
        except EngineError:
            if name in tables:
                remedy = "The next pull or refresh makes it; `asterism status` says what it waits for."
                raise EngineError(name, f"the table {name!r} is not made yet", remedy) from None
            raise SqlError("the query", f"there is no table {name!r}", suggestion(name, tables), line) from None


def _all(table: str, dialect: str) -> str:
    return translate(exp.select("*").from_(named_table(table)), dialect)


def statement(
    question: str | Query, values: Mapping[str, str], tables: frozenset[str], dialect: str, page: Page | None = None,
    landed: frozenset[str] = frozenset(),
) -> Statement:  # fmt: skip
    """A question as the engine is asked it, or one page of its answer. Raises UnfitError and SqlError.

    `tables` are the names by which models and streams are known, `landed` those of streams that the lake alone has.
    """
    declared = () if isinstance(question, str) else question.parameters
    sql = question if isinstance(question, str) else question.sql
    subject = "the query" if isinstance(question, str) else f"query {question.name}"
    given = _given(declared, values, subject)
    counts = tuple((name, len(value) if isinstance(value, list) else -1) for name, value in given.items())
    text, slots, passing, tree = _compiled(subject, sql, declared, counts, tables, dialect, page and page.form, landed)
    bound = [given[name] if place < 0 else given[name][place] for name, place in slots]
    return Statement(text, [*bound, *(page.values if page else ())], passing, tree)


def order_of(question: str | Query, columns: tuple[Column, ...]) -> tuple[tuple[Term, ...], bool]:
    """The terms by which pages of an answer follow each other (see `page.terms_of`), and whether it has an order."""
    sql, subject = (question, "the query") if isinstance(question, str) else (question.sql, f"query {question.name}")
    tree = _read(subject, sql)
    return terms_of(tree, columns), is_ordered(tree)


@lru_cache(maxsize=_KEPT)
def _compiled(
    subject: str,
    sql: str,
    declared: tuple[Parameter, ...],
    counts: tuple[tuple[str, int], ...],
    tables: frozenset[str],
    dialect: str,
    page: Form | None,
    landed: frozenset[str],
) -> tuple[str, tuple[tuple[str, int], ...], bool, exp.Query]:
    """Text for the engine; what each of its numbered parameters is; whether the answer is a passing one; the tree."""
    tree = _read(subject, sql).copy()
    spell_streams(tree, tables | landed)
    if away := [name for name, _ in sources(tree) if name in landed]:
        remedy = "Ask it in the lake: asterism query --on lake."
        raise SqlError(subject, f"the stream of {away[0]} goes to the lake alone, and has no table", remedy)
    slots = _bind(tree, declared, dict(counts), subject)
    passing = _is_passing(tree)
    if page is not None:
        tree = paged(tree, page, len(slots), dialect)
    return translate(tree, dialect), tuple(slots), passing, tree


@lru_cache(maxsize=_KEPT)
def _read(subject: str, sql: str) -> exp.Query:
    try:
        tree = parse(sql)
    except Refused as refused:
        column = 0
        if isinstance(refused.__cause__, ParseError) and refused.__cause__.errors:
            column = int(refused.__cause__.errors[0].get("col") or 0)
        line = refused.line if column else 0
        remedy = _ONE if refused.remedy == ONE else refused.remedy
        raise SqlError(subject, refused.fact, remedy, line, column) from refused
    _read_only(tree, subject)
    refuse_reaching_out(tree, subject)
    return tree


def _read_only(tree: exp.Query, subject: str) -> None:
    for node in tree.walk():
        if isinstance(
            node, (exp.Insert, exp.Update, exp.Delete, exp.Into, exp.Command, exp.Copy, exp.DDL, exp.Lock)
        ) and not isinstance(node, exp.Query):
            does = "make a table" if isinstance(node, exp.Into) else node.key
            raise SqlError(subject, f"it would {does}", _ONE)


def _is_passing(tree: exp.Query) -> bool:
    """Whether it asks for the clock, for chance, or for what is written without a refresh."""
    return (
        clock.unit(tree) is not None
        or any(isinstance(node, _PASSING) for node in tree.walk())
        or any(_PASSING_NAMES.fullmatch(node.name.lower()) for node in tree.find_all(exp.Anonymous))
        or any(name.partition(".")[0].lower() in _OWN_SCHEMAS for name, _ in sources(tree))
    )


def _given(declared: Sequence[Parameter], values: Mapping[str, str], subject: str) -> dict[str, str | list[str]]:
    """The values that fit, by name in the order of declaration; lists as texts."""
    known = {parameter.name: parameter for parameter in declared}
    for name in values:
        if name not in known:
            near = get_close_matches(name, list(known), n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(known) or 'no parameters'}."
            raise UnfitError(subject, f"there is no parameter {name!r}", remedy, name)
    given: dict[str, str | list[str]] = {}
    for name, parameter in known.items():
        if name in values and parameter.type.endswith("[]"):
            item = replace(parameter, type=parameter.type.removesuffix("[]"))
            given[name] = [_value(each, item, subject) for each in _texts(values[name])]
        elif name in values:
            given[name] = _value(values[name], parameter, subject)
        elif parameter.default is None:
            remedy = f"Give it with `--param {name}=…` ({parameter.type})."
            raise UnfitError(subject, f"the parameter {name!r} is missing", remedy, name)
    return given


def _bind(
    tree: exp.Query, declared: Sequence[Parameter], counts: Mapping[str, int], subject: str
) -> list[tuple[str, int]]:
    """Replace `$name` by numbered parameters, cast to their declared types; answer what each number is."""
    known = {parameter.name: parameter for parameter in declared}
    slots: list[tuple[str, int]] = []
    numbers: dict[str, list[int]] = {}
    for node in list(tree.find_all(exp.Parameter, exp.Placeholder)):
        name = node.name
        parameter = known.get(name)
        if parameter is None:
            raise SqlError(
                subject, f"the parameter ${name} is not declared", f"Add `-- param: {name} TYPE` to the query's header."
            )
        if name not in counts:
            node.replace(exp.cast(parse(f"SELECT {parameter.default}").selects[0], parameter.type, dialect="duckdb"))
            continue
        if name not in numbers:
            count = counts[name]
            numbers[name] = [len(slots) + place for place in range(1, (1 if count < 0 else count) + 1)]
            slots += [(name, -1)] if count < 0 else [(name, place) for place in range(count)]
        node.replace(_bound(numbers[name], parameter.type))
    return slots


def _bound(numbers: Sequence[int], kind: str) -> exp.Expr:
    """A parameter's value in SQL; that of a list is an array of as many parameters as it has items."""
    item = kind.removesuffix("[]")
    casts = [
        exp.cast(exp.cast(exp.Parameter(this=exp.Literal.number(number)), "text"), item, dialect="duckdb")
        for number in numbers
    ]
    return exp.cast(exp.Array(expressions=casts), kind, dialect="duckdb") if kind != item else casts[0]


def _texts(text: str) -> list[str]:
    """The items of a list: a JSON array, or texts between commas."""
    if text.lstrip().startswith("["):
        with suppress(ValueError):
            found = json.loads(text)
            return [each if isinstance(each, str) else json.dumps(each) for each in found]
    return [part.strip() for part in text.split(",") if part.strip()]


def _digits(kind: str) -> int:
    """How many digits a decimal has before its point."""
    precision, *scale = [int(each) for each in re.findall(r"\d+", kind)] or [18, 3]
    return precision - sum(scale)


def _value(text: str, parameter: Parameter, subject: str) -> str:
    kind = parameter.type.lower().partition("(")[0].strip()
    pattern, read = _READ.get(kind, (".*", str))
    try:
        if "\0" in text or not re.fullmatch(pattern, text.strip(), re.DOTALL):
            raise ValueError(text)  # noqa: TRY301 - refused as what `read` refuses
        value = read(text.strip())
        if kind in _BITS and not -(2 ** (_BITS[kind] - 1)) <= value < 2 ** (_BITS[kind] - 1):
            raise ValueError(text)  # noqa: TRY301 - as above
        if isinstance(value, Decimal) and value and value.adjusted() >= _digits(parameter.type):
            raise ValueError(text)  # noqa: TRY301 - as above
    except (ValueError, RecursionError):
        fact = f"{text[:100]!r} is no {parameter.type.upper()}, as the parameter {parameter.name!r} must be"
        raise UnfitError(subject, fact, f"Give it with `--param {parameter.name}=…`.", parameter.name) from None
    if kind == "timestamp" and value.tzinfo is not None:  # which engines pass over
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return text
