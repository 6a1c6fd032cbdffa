"""An overview for people: what the warehouse holds, what flowed lately, what steps of work there were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from asterism.declare.table import Column
from asterism.project.load import Project
from asterism.run.ledger import Run, now
from asterism.run.warehouse import Warehouse

LATELY = timedelta(minutes=1)
"""What counts as lately."""


@dataclass(frozen=True, slots=True)
class Held:
    """A table of the warehouse. `references` are its foreign keys: a column, and the model whose key it holds."""

    name: str
    kind: str
    """`dimension`, `fact`, `mart`, `stream` or `table`."""
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    history: bool = False
    references: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """What came into a table of a source or a stream within the last minute. `at` is the latest commit, naive UTC."""

    table: str
    source: str
    rows: int
    at: datetime


def catalog(warehouse: Warehouse, project: Project) -> list[Held]:
    """Every model that is built, and every table behind them. No more is read than names and types."""
    streams = {stream.table for stream in project.platform.streams}
    found = []
    for model in project.models.values():
        references = tuple((each.column, each.table) for each in model.references)
        columns = tuple(warehouse.engine.columns(model.name))
        history = model.history is not None
        found.append(Held(model.name, model.kind, model.description, model.key, columns, history, references))
    for name, table in sorted(warehouse.raw_tables().items()):
        found.append(Held(name, "stream" if name in streams else "table", "", table.key, table.columns))
    return found


def flows(warehouse: Warehouse) -> list[Flow]:
    """What flowed lately, by table."""
    rows = warehouse.session.rows(
        "SELECT table_name, source, CAST(sum(rows + deletions) AS BIGINT), max(committed_at) FROM _asterism.batches "
        "WHERE committed_at >= $1 GROUP BY table_name, source ORDER BY table_name",
        [now() - LATELY],
    )
    return [Flow(*row) for row in rows]


def runs(warehouse: Warehouse, limit: int, *, failed: bool = False) -> list[Run]:
    """The latest steps of work, the newest first; with `failed`, only those that failed or left something behind."""
    condition = "WHERE status <> 'ok' OR error <> '' " if failed else ""
    found = warehouse.session.rows(
        "SELECT run_id, verb, step, started_at, seconds, status, removed, added, error FROM _asterism.runs "
        f"{condition}ORDER BY started_at DESC LIMIT {int(limit)}"
    )
    return [Run(*row) for row in found]
