"""Pull: ask a source what changed, land it, commit it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

from asterism.declare.source import Pull
from asterism.declare.table import Column, Table
from asterism.errors import AsterismError, LakeError
from asterism.ports.arrow import ArrowStream
from asterism.ports.source import Answer, Batch, Source
from asterism.run.commit import Committed, commit
from asterism.run.land import LandedTable, Landing, Manifest
from asterism.run.ledger import Position, Run, now
from asterism.run.refresh import Refreshed
from asterism.run.session import listed, quote
from asterism.run.warehouse import Progress, Warehouse, silent


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull did. Rows are those of source tables that really changed."""

    source: str
    rows: int
    """Rows the source answered with."""
    deletions: int
    removed: int
    added: int
    refreshed: tuple[Refreshed, ...]
    held: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]
    complete: bool
    polled_at: datetime
    seconds: float
    transaction_seconds: float = 0.0
    """Of these, how long the warehouse's last transaction took: apply, models, commit."""


def pull(
    warehouse: Warehouse, declared: Pull, source: Source, *, reconcile: bool = False, progress: Progress = silent
) -> Pulled:
    """Bring the warehouse up to date with a source, an initial load included.

    Exact: what was committed at the source before the poll is in every table when this returns, once. Repeating it, or
    dying anywhere in it, changes nothing about that. Raises SourceError, LakeError, EngineError.
    """
    started, total, rows, deletions, removed, added = perf_counter(), None, 0, 0, 0, 0
    notices: tuple[str, ...] = ()
    while True:
        step = pull_step(warehouse, declared, source, reconcile=reconcile)
        rows, deletions = rows + step.rows, deletions + step.deletions
        removed, added = removed + step.removed, added + step.added
        notices += step.notices
        if step.complete:
            break
        if total is None:
            position = warehouse.ledger.position(declared.into)
            left = source.estimate(position.cursor if position else {})
            total = None if left is None else rows + left
        progress(f"loading {declared.into}", rows, total)
    step = replace(step, held=step.held or warehouse.ledger.held())  # as long as it lasts, though nothing was found
    seconds = perf_counter() - started
    return replace(step, rows=rows, deletions=deletions, removed=removed, added=added, notices=notices, seconds=seconds)


def pull_step(warehouse: Warehouse, declared: Pull, source: Source, *, reconcile: bool = False) -> Pulled:
    """One answer of the source: a poll, or one chunk of an initial load. A failure is noted in the ledger."""
    started, name = perf_counter(), declared.into
    try:
        return _step(warehouse, declared, source, reconcile=reconcile, started=started)
    except AsterismError as error:
        warehouse.unsure.add(name)
        warehouse.sure.discard(name)
        run = Run(uuid.uuid4().hex, "pull", name, now(), perf_counter() - started, "failed", error=str(error))
        _note_failure(warehouse, run)
        raise


def _note_failure(warehouse: Warehouse, run: Run) -> None:
    try:
        warehouse.ledger.note_run(run)
    except AsterismError:
        return  # the warehouse itself is down: there is nowhere to note it, and the error on its way says so


def _step(warehouse: Warehouse, declared: Pull, source: Source, *, reconcile: bool, started: float) -> Pulled:
    name = declared.into
    position = warehouse.ledger.position(name) or _first(warehouse, name)
    due = position.reconciled_at is None or now() - position.reconciled_at >= declared.reconcile
    with source.pull(position.cursor, reconcile=reconcile or (due and not position.loading)) as answer:
        tables = tuple(_land(warehouse, name, position, batch) for batch in answer.batches)
        found = any(table.rows or table.deletions for table in tables)
        reconciled = answer.complete and (reconcile or due)
        following = Position(
            position.seq,
            answer.cursor,
            not answer.complete,
            answer.polled_at,
            now() if reconciled else position.reconciled_at,
        )
        polled = _outline(answer)
    rows, deletions = sum(table.rows for table in tables), sum(table.deletions for table in tables)
    reshaped = any(_is_new_shape(warehouse, table) for table in tables)
    if not found and not reshaped and not position.loading and _no_leftover(warehouse, name, position.seq):
        with warehouse.session.transaction():
            warehouse.ledger.move(name, following)
        done = Committed()
    else:
        done = _commit(warehouse, name, position, following, polled, tables)
    warehouse.sure.add(name)
    warehouse.unsure.discard(name)
    seconds = perf_counter() - started
    if rows or deletions or done.held:
        warehouse.ledger.note_run(
            Run(
                uuid.uuid4().hex,
                "pull",
                name,
                now(),
                seconds,
                "ok",
                done.removed,
                done.added,
                "; ".join(f"{m}: {e}" for m, e in done.held),
            )
        )
    return Pulled(
        name, rows, deletions, done.removed, done.added, done.refreshed, done.held, (*answer.notices, *done.notices),
        answer.complete, answer.polled_at, seconds, done.seconds,
    )  # fmt: skip


def _outline(answer: Answer) -> tuple[datetime, bool]:
    return answer.polled_at, answer.complete


def _commit(
    warehouse: Warehouse, name: str, position: Position, following: Position, polled: tuple[datetime, bool],
    tables: tuple[LandedTable, ...],
) -> Committed:  # fmt: skip
    polled_at, complete = polled
    moment = warehouse.ledger.begin_refresh(polled_at)[1] if complete else None
    manifest = Manifest(
        source=name, seq=position.seq, polled_at=polled_at, complete=complete, moment=moment, cursor=following.cursor,
        tables=[table for table in tables if table.rows or table.deletions or _is_new_shape(warehouse, table)],
    )  # fmt: skip
    Landing(warehouse.lake, warehouse.parquet).write_manifest(manifest)
    advanced = Position(
        position.seq + 1, following.cursor, following.loading, following.polled_at, following.reconciled_at
    )
    return commit(warehouse, manifest, advanced)


def _first(warehouse: Warehouse, name: str) -> Position:
    """The first contact: note when it was, for that names the first batch. Raises LakeError where batches lie."""
    if any(True for _ in warehouse.lake.list(f"raw/{name}/_manifests/")):
        raise LakeError(
            f"raw/{name}",
            "the lake holds batches of this source, and the warehouse knows nothing of them",
            "Run `asterism rebuild` to make the warehouse from them, or `asterism reset` to begin anew.",
        )
    position = Position(0, {}, loading=True, polled_at=now(), reconciled_at=None)
    with warehouse.session.transaction():
        warehouse.ledger.move(name, position)
    return position


def _no_leftover(warehouse: Warehouse, name: str, seq: int) -> bool:
    """Whether no batch of this number lies in the lake, left by a process that died before its commit."""
    return name in warehouse.sure or not Landing(warehouse.lake, warehouse.parquet).has_manifest(name, seq)


def _is_new_shape(warehouse: Warehouse, landed: LandedTable) -> bool:
    known = warehouse.raw_tables().get(landed.table)
    return known is None or not {name for name, *_ in landed.columns} <= set(known.column_names)


def _land(warehouse: Warehouse, source: str, position: Position, batch: Batch) -> LandedTable:
    landing, table = Landing(warehouse.lake, warehouse.parquet), batch.table
    key = landing.key(source, table.name, position.polled_at, position.seq)
    rows = landing.put(key, table.columns, batch.rows)
    deletions, gone = 0, None
    if batch.keys is not None and table.name in warehouse.raw_tables():
        gone = landing.key(source, table.name, position.polled_at, position.seq, ".deleted")
        deletions = _land_deletions(warehouse, table, batch.keys, gone)
    return LandedTable(
        table=table.name,
        columns=[(column.name, column.type, column.nullable) for column in table.columns],
        key=list(table.key),
        rows=rows,
        object=key if rows else None,
        deleted=gone if deletions else None,
        deletions=deletions,
    )


def _land_deletions(warehouse: Warehouse, table: Table, keys: ArrowStream, key: str) -> int:
    """Land the keys that the warehouse has and the source has not."""
    session = warehouse.session
    columns = tuple(Column(name, next(c.type for c in table.columns if c.name == name)) for name in table.key)
    there, gone = session.name(), session.name()
    try:
        session.engine.load(there, columns, keys, temporary=True)
        session.analyze(there)
        same = " AND ".join(f"t.{quote(each)} = k.{quote(each)}" for each in table.key)
        # Into a table first: mostly nothing was deleted, and engines find that out faster than they stream it.
        session.execute(
            f"CREATE TEMPORARY TABLE {quote(gone)} AS SELECT {listed(table.key, 't')} FROM {quote(table.name)} AS t "
            f"WHERE NOT EXISTS (SELECT 1 FROM {quote(there)} AS k WHERE {same})"
        )
        if not session.rows(f"SELECT 1 FROM {quote(gone)} LIMIT 1"):
            return 0
        found = session.engine.fetch(f"SELECT {listed(table.key)} FROM {quote(gone)}")
        return Landing(warehouse.lake, warehouse.parquet).put(key, columns, found)
    finally:
        for name in (there, gone):
            session.execute(f"DROP TABLE IF EXISTS {quote(name)}")
