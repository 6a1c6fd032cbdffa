"""Bind: models and queries over empty tables, for what only an engine can say of a SELECT: functions, types, groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from asterism.declare.model import Query
from asterism.declare.table import Column
from asterism.errors import AsterismError, EngineError, Problem
from asterism.plan.compile import HISTORY_COLUMNS, Compiled, where
from asterism.plan.empty import empty
from asterism.plan.parse import Refused, parse
from asterism.plan.plan import Plan
from asterism.plan.qualify import qualify, sources
from asterism.plan.translate import translate
from asterism.ports.reader import Reader
from asterism.run.fence import refuse_reaching_out

_MOMENT = datetime(2024, 2, 29)
_REMEDY = "Correct the SQL; it is DuckDB's dialect."


def bind(reader: Reader, compiled: Compiled, queries: Iterable[Query], root: Path) -> list[Problem]:
    """What an engine says of sound plans, and of queries over them. What reads a wrong model is left out.

    What it takes over the tables that stand there is not refused: it works. Raises EngineError where it is away.
    """
    made = {plan.table.name for plan in compiled.plans}
    known: dict[str, Sequence[Column]]
    known = {name: table.columns for name, table in compiled.tables.items() if name not in made and table.columns}
    binder = _Binder(reader, known)
    problems: list[Problem] = []
    for plan in compiled.plans:
        if plan.inputs <= known.keys():
            try:
                known[plan.table.name] = binder.stored(plan)
            except EngineError as error:
                owner = next(each.model for each in compiled.plans if each.model and each.model.name == plan.owner)
                problems.append(Problem(f"{where(owner, root)}:{owner.line}", _told(error), _REMEDY))
    for query in queries:
        problems += _query(binder, query, compiled)
    return problems


class _Binder:
    """Asks for the columns of SELECTs. `known` are those of the tables that may be read."""

    def __init__(self, reader: Reader, known: dict[str, Sequence[Column]]) -> None:
        self.reader = reader
        self.known = known

    def stored(self, plan: Plan) -> tuple[Column, ...]:
        """The columns of a plan's table: those that its SELECT gives, and those of its history."""
        columns = self.columns(plan.full(_MOMENT))
        if plan.stored_key == plan.table.key:
            return columns
        return (Column(plan.stored_key[0], "BIGINT"), *columns, *HISTORY_COLUMNS)

    def columns(self, query: exp.Query) -> tuple[Column, ...]:
        """The columns of a qualified query."""
        try:
            return self.reader.shape(empty(query, self.known, self.reader.dialect))
        except EngineError as error:
            if error.unavailable:
                raise
            try:
                return self.reader.shape(translate(query, self.reader.dialect))
            except EngineError:
                raise error from None

    def answer(self, query: exp.Query) -> None:
        """Have a qualified query answered over empty tables, constants and all."""
        for _ in self.reader.rows(empty(query, self.known, self.reader.dialect)):
            pass


def _query(binder: _Binder, query: Query, compiled: Compiled) -> Iterator[Problem]:
    place = f"{query.path}:{query.line}"
    try:
        tree = parse(query.sql)
        declared = {each.name: each for each in query.parameters}
        values = [parse(f"SELECT CAST({each.default} AS {each.type})") for each in declared.values() if each.default]
        if not {name for each in (tree, *values) for name, _ in sources(each)} <= binder.known.keys():
            return
        for each in values:
            binder.answer(qualify(each, compiled.tables))
        for node in [*tree.find_all(exp.Parameter, exp.Placeholder)]:
            node.replace(exp.cast(exp.null(), declared[node.name].type, dialect="duckdb"))
        refuse_reaching_out(tree, query.name)
        binder.columns(qualify(tree, compiled.tables))
    except (Refused, KeyError):
        return  # told by whoever read it
    except EngineError as error:
        if error.unavailable:
            raise
        yield Problem(place, _told(error), _REMEDY)
    except AsterismError as error:
        yield Problem(place, _told(error), _REMEDY)


def _told(error: AsterismError) -> str:
    """The engine's sentence, in one line, without the statement: that is none of the user's."""
    fact = " ".join(line.strip() for line in error.fact.splitlines())
    return fact.partition(" LINE 1: ")[0].removeprefix("ERROR: ")
