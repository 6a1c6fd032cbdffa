"""Bind: models and queries over empty tables, for what only an engine can say of a SELECT: functions, types, groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from asterism.declare.model import Query
from asterism.errors import AsterismError, EngineError, Problem
from asterism.plan.compile import HISTORY_COLUMNS, Compiled, where
from asterism.plan.parse import Refused, parse
from asterism.plan.plan import Plan
from asterism.plan.qualify import qualify, sources
from asterism.plan.translate import translate
from asterism.ports.engine import Engine
from asterism.run.fence import refuse_reaching_out
from asterism.run.session import Session, quote

_MOMENT = datetime(2024, 2, 29)
_REMEDY = "Correct the SQL; it is DuckDB's dialect."


def bind(engine: Engine, compiled: Compiled, queries: Iterable[Query], root: Path) -> list[Problem]:
    """What an empty `engine` says of sound plans, and of queries over them. What reads a wrong model is left out."""
    session = Session(engine)
    made = {plan.table.name for plan in compiled.plans}
    problems: list[Problem] = []
    for table in compiled.tables.values():
        if table.name not in made and table.columns:
            _schema(session, table.name)
            columns = ", ".join(f"{quote(column.name)} {column.type or 'VARCHAR'}" for column in table.columns)
            session.execute(f"CREATE TABLE {quote(table.name)} ({columns})")
    standing = set(compiled.tables) - made
    for plan in compiled.plans:
        if plan.inputs <= standing:
            try:
                _stand(session, plan)
                standing.add(plan.table.name)
            except EngineError as error:
                owner = next(each.model for each in compiled.plans if each.model and each.model.name == plan.owner)
                problems.append(Problem(f"{where(owner, root)}:{owner.line}", _told(error), _REMEDY))
    for query in queries:
        problems += _query(session, query, compiled, standing)
    return problems


def _stand(session: Session, plan: Plan) -> None:
    """An empty table with the columns that the plan's SELECT gives, and those of its history."""
    _schema(session, plan.table.name)
    added = {column.name: column.type for column in HISTORY_COLUMNS} if plan.stored_key != plan.table.key else {}
    if added:
        added |= {plan.stored_key[0]: "BIGINT"}
    more = "".join(f", CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in added.items())
    sql = plan.full_sql(_MOMENT, session.engine.dialect)
    session.engine.execute(f"CREATE TABLE {quote(plan.table.name)} AS SELECT *{more} FROM ({sql}) AS q LIMIT 0")


def _query(session: Session, query: Query, compiled: Compiled, standing: set[str]) -> Iterator[Problem]:
    try:
        tree = parse(query.sql)
        if not {name for name, _ in sources(tree)} <= standing:
            return
        declared = {each.name: each for each in query.parameters}
        for each in declared.values():
            if each.default is not None:
                session.rows(f"SELECT CAST({each.default} AS {each.type})")
        for node in [*tree.find_all(exp.Parameter, exp.Placeholder)]:
            node.replace(exp.cast(exp.null(), declared[node.name].type, dialect="duckdb"))
        refuse_reaching_out(tree, query.name)
        sql = translate(qualify(tree, compiled.tables), session.engine.dialect)
        session.engine.rows(f"SELECT * FROM ({sql}) AS q LIMIT 0")
    except (Refused, KeyError):
        return  # told by whoever read it
    except AsterismError as error:
        yield Problem(f"{query.path}:{query.line}", _told(error), _REMEDY)


def _schema(session: Session, table: str) -> None:
    if schema := table.rpartition(".")[0]:
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")


def _told(error: AsterismError) -> str:
    """The engine's sentence, in one line."""
    return " ".join(line.strip() for line in error.fact.splitlines())
