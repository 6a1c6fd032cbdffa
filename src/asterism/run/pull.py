"""Pull: ask a source what changed, land it, commit it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

from asterism.declare.source import Pull
from asterism.errors import AsterismError, LakeError
from asterism.ports.parquet import Parquet
from asterism.ports.source import Dated, Source
from asterism.run.batch import Ahead, Apart, Landed, land
from asterism.run.commit import Committed, commit, parts_of, stand
from asterism.run.land import LandedTable, Landing, Manifest
from asterism.run.ledger import Part, Position, Run, now
from asterism.run.refresh import Refreshed
from asterism.run.warehouse import Progress, Warehouse, silent

Turn = Callable[[], AbstractContextManager[object]]
"""Gives the warehouse to the calling thread, for as long as the context lasts."""


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
    run: str = ""
    """Its id in the ledger, where it found something."""


def pull(
    warehouse: Warehouse, declared: Pull, source: Source, *, reconcile: bool = False, progress: Progress = silent
) -> Pulled:
    """Bring the warehouse up to date with a source, an initial load included.

    Exact: what was committed at the source before the poll is in every table when this returns, once. Repeating it, or
    dying anywhere in it, changes nothing about that. Raises SourceError, LakeError, EngineError.
    """
    started, rows, deletions, removed, added = perf_counter(), 0, 0, 0, 0
    notices: tuple[str, ...] = ()
    with Ahead(warehouse, declared.into, source) as ahead:
        while True:
            step = pull_step(warehouse, declared, source, reconcile=reconcile, ahead=ahead)
            rows, deletions = rows + step.rows, deletions + step.deletions
            removed, added = removed + step.removed, added + step.added
            notices += step.notices
            if step.complete:
                break
            progress(f"loading {declared.into}", rows, ahead.total)
    held = step.held if step.run else warehouse.ledger.held()  # as long as it lasts, though nothing was found
    seconds = perf_counter() - started
    return replace(
        step, held=held, rows=rows, deletions=deletions, removed=removed, added=added, notices=notices, seconds=seconds
    )


def pull_step(
    warehouse: Warehouse, declared: Pull, source: Source, *, reconcile: bool = False, ahead: Ahead | Apart | None = None
) -> Pulled:
    """One answer of the source: a poll, or one chunk of an initial load. A failure is noted in the ledger.

    With `ahead`, the chunk after it is read while this one is committed.
    """
    started, name = perf_counter(), declared.into
    try:
        with warehouse.tracer.span("pull", name) as span:
            done = _step(warehouse, declared, source, reconcile=reconcile, ahead=ahead)
            if done.run:
                span.note(run=done.run)
            return done
    except AsterismError as error:
        _failed(warehouse, name, error, started)
        raise


def pull_apart(warehouse: Warehouse, declared: Pull, source: Source, turn: Turn, parquet: Parquet) -> Pulled:
    """As `pull_step`, of a source that tells no deletions: it is read out of turn, and only committing takes one.

    `parquet` is this thread's own. Nobody else may use the source meanwhile.
    """
    started, name = perf_counter(), declared.into
    with turn():
        position = _position(warehouse, name, source)
    try:
        with warehouse.tracer.span("pull", name):
            landed = land(replace(warehouse, parquet=parquet), name, source, position, reconcile=False)
    except AsterismError as error:
        with turn():
            _failed(warehouse, name, error, started)
        raise
    with turn():
        return pull_step(warehouse, declared, source, ahead=Apart(landed))


def _failed(warehouse: Warehouse, name: str, error: AsterismError, started: float) -> None:
    warehouse.unsure.add(name)
    warehouse.sure.discard(name)
    seconds = perf_counter() - started
    error.run = uuid.uuid4().hex
    warehouse.note_run(Run(error.run, "pull", name, now(), seconds, "failed", error=str(error)))


def _position(warehouse: Warehouse, name: str, source: Source) -> Position:
    position = warehouse.ledger.position(name)
    if position is None:
        position = first_contact(warehouse, name)
        if isinstance(source, Dated):  # its tables are always the same: what reads them need not wait for a day
            stand(warehouse, name, source.describe())
    return position


def _step(
    warehouse: Warehouse, declared: Pull, source: Source, *, reconcile: bool, ahead: Ahead | Apart | None
) -> Pulled:
    started, name = perf_counter(), declared.into
    position = _position(warehouse, name, source)
    due = position.reconciled_at is None or now() - position.reconciled_at >= declared.reconcile
    landed = (ahead.take(position) if ahead else None) or land(
        warehouse, name, source, position, reconcile=reconcile or (due and not position.loading)
    )
    reconciled_at = now() if landed.complete and (reconcile or due) else position.reconciled_at
    read = perf_counter() - started
    following = Position(position.seq + 1, landed.cursor, not landed.complete, landed.polled_at, reconciled_at)
    if ahead and not landed.complete:
        ahead.begin(following, landed.rows)
    found = landed.rows or landed.deletions or any(_is_new_shape(warehouse, table) for table in landed.tables)
    if not found and not position.loading and _no_leftover(warehouse, name, position.seq):
        with warehouse.session.transaction():
            warehouse.ledger.move(name, replace(following, seq=position.seq))
        done = Committed()
    else:
        done = _commit(warehouse, name, following, landed)
    warehouse.sure.add(name)
    warehouse.unsure.discard(name)
    seconds, run = perf_counter() - started, ""
    if landed.rows or landed.deletions or done.held or done.refreshed:
        said, run = "; ".join(f"{m}: {e}" for m, e in done.held), uuid.uuid4().hex
        parts = (Part("read and landed", read), *parts_of(done))
        warehouse.ledger.note_run(Run(run, "pull", name, now(), seconds, "ok", done.removed, done.added, said, parts))
    return Pulled(
        name, landed.rows, landed.deletions, done.removed, done.added, done.refreshed, done.held,
        (*landed.notices, *done.notices), landed.complete, landed.polled_at, seconds, done.seconds, run,
    )  # fmt: skip


def _commit(warehouse: Warehouse, name: str, following: Position, landed: Landed) -> Committed:
    moment = warehouse.ledger.begin_refresh(landed.polled_at)[1] if landed.complete else None
    manifest = Manifest(
        source=name, seq=landed.position.seq, polled_at=landed.polled_at, complete=landed.complete, moment=moment,
        cursor=landed.cursor,
        tables=[each for each in landed.tables if each.rows or each.deletions or _is_new_shape(warehouse, each)],
    )  # fmt: skip
    Landing(warehouse.lake, warehouse.parquet).write_manifest(manifest)
    return commit(warehouse, manifest, following)


def first_contact(warehouse: Warehouse, name: str, *, loading: bool = True) -> Position:
    """The first contact: note when it was, for that names the first batch. Raises LakeError where batches lie."""
    if any(True for _ in warehouse.lake.list(f"raw/{name}/_manifests/")):
        raise LakeError(
            f"raw/{name}",
            "the lake holds batches of this source, and the warehouse knows nothing of them",
            "Run `asterism rebuild` to make the warehouse from them, or `asterism reset` to begin anew.",
        )
    position = Position(0, {}, loading=loading, polled_at=now(), reconciled_at=None)
    with warehouse.session.transaction():
        warehouse.ledger.move(name, position)
    return position


def _no_leftover(warehouse: Warehouse, name: str, seq: int) -> bool:
    """Whether no batch of this number lies in the lake, left by a process that died before its commit."""
    return name in warehouse.sure or not Landing(warehouse.lake, warehouse.parquet).has_manifest(name, seq)


def _is_new_shape(warehouse: Warehouse, landed: LandedTable) -> bool:
    known = warehouse.raw_tables().get(landed.table)
    return known is None or not {name for name, *_ in landed.columns} <= set(known.column_names)
