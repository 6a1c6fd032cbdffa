"""An overview for people: what the warehouse holds, what flowed lately, what steps of work there were."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from asterism.declare.table import Column
from asterism.plan.spell import header
from asterism.project.load import Project
from asterism.run.ledger import Part, Run, now
from asterism.run.streams import SOURCE
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
    for declared in project.models.values():
        columns = tuple(warehouse.engine.columns(declared.name))
        model = header(declared, [each.name for each in columns])
        references = tuple((each.column, each.table) for each in model.references)
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
    found = [*warehouse.ledger.runs(limit, failed=failed), *_alerts(warehouse, limit)]
    if failed:
        found = [each for each in found if each.status != "ok" or each.error]
    else:
        found += [*_taken_in(warehouse, limit), *_reports(warehouse, limit)]
    return sorted(found, key=lambda run: run.started_at, reverse=True)[:limit]


def _taken_in(warehouse: Warehouse, limit: int) -> list[Run]:
    """What came by streams: many a second, so that the list of batches has to do."""
    rows = warehouse.session.rows(
        "SELECT seq, min(polled_at), max(committed_at), CAST(sum(removed) AS BIGINT), CAST(sum(added) AS BIGINT), "
        "string_agg(table_name, ', ' ORDER BY table_name) FROM _asterism.batches "
        f"WHERE source = $1 AND rows > 0 GROUP BY seq ORDER BY seq DESC LIMIT {int(limit)}",
        [SOURCE],
    )
    return [
        Run("", "take in", tables, at, max((at - begun).total_seconds(), 0.0), "ok", removed, added)
        for _, begun, at, removed, added, tables in rows
    ]


def _reports(warehouse: Warehouse, limit: int) -> list[Run]:
    rows = warehouse.session.rows(
        "SELECT report, sent_at, recipients FROM _asterism.reports WHERE sent_at IS NOT NULL "
        f"ORDER BY sent_at DESC LIMIT {int(limit)}"
    )
    return [
        Run("", "report", name, at, 0.0, "ok", parts=tuple(Part("mail", None, to) for to in json.loads(recipients)))
        for name, at, recipients in rows
    ]


def _alerts(warehouse: Warehouse, limit: int) -> list[Run]:
    """What went wrong, and that it is over; with how many were told."""
    rows = warehouse.session.rows(
        "SELECT subject, fact, since, over_at, told, told_over FROM _asterism.incidents "
        f"ORDER BY since DESC LIMIT {int(limit)}"
    )
    found = []
    for subject, fact, since, over_at, told, told_over in rows:
        found.append(Run("", "alert", subject, since, 0.0, "alert", error=fact, parts=_told(told)))
        if over_at is not None:
            found.append(Run("", "alert over", subject, over_at, 0.0, "ok", parts=_told(told_over)))
    return found


def _told(digests: str | None) -> tuple[Part, ...]:
    count = len(json.loads(digests or "[]"))
    return (Part(f"told {count} of those who are to know"),) if count else ()
