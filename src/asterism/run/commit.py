"""Commit: a landed batch goes into the warehouse, with every model behind it and the cursor, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec

from asterism.declare.table import Column, Table
from asterism.errors import EngineError, LockedError, SourceError
from asterism.plan.scope import Delta
from asterism.plan.translate import translate
from asterism.run.apply import Applied, Target, Within, apply
from asterism.run.land import LandedTable, Landing, Manifest, ProcessedNote, processed_key
from asterism.run.ledger import Part, Position, RefreshNote
from asterism.run.refresh import Broken, Refresh, Refreshed
from asterism.run.session import Session, listed, quote
from asterism.run.warehouse import Warehouse

_AFRESH = "Change it back, or reset the stage and load it afresh."
_ANEW = "Change it back, or `asterism rebuild` without `run`: it reads anew what was landed, and sets aside the rest."
_INTEGERS = ("SMALLINT", "INTEGER", "BIGINT")


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction did."""

    refreshed: tuple[Refreshed, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    """Models that could not be refreshed, with the reason."""
    removed: int = 0
    added: int = 0
    """Rows of source tables."""
    notices: tuple[str, ...] = ()
    moment: datetime | None = None
    seconds: float = 0.0


def parts_of(done: Committed) -> tuple[Part, ...]:
    """A transaction as parts of a step of work."""
    models = (Part(each.table, each.seconds, each.how, each.removed, each.added) for each in done.refreshed)
    return (*models, Part("the whole transaction", done.seconds))


def commit(warehouse: Warehouse, manifest: Manifest, position: Position) -> Committed:
    """Apply a landed batch, refresh, and move the cursor to `position`: all of it, or nothing and an error.

    A model that fails is held, with its descendants, and the rest goes on. Raises LockedError where another process has
    moved the cursor meanwhile.
    """

    def work(held: dict[str, str]) -> Committed:
        current = warehouse.ledger.position(manifest.source)
        if current is not None and current.seq != manifest.seq:
            raise LockedError(
                manifest.source, "another process has pulled it meanwhile", "Run one Asterism at a time on a stage."
            )
        return replay(warehouse, manifest, current, position, held)

    return holding(warehouse, manifest.source, work)


def holding(warehouse: Warehouse, subject: str, work: Callable[[dict[str, str]], Committed]) -> Committed:
    """Run `work` in a transaction, again with a model held for each one that breaks; `subject` is whose it is."""
    held: dict[str, str] = {}
    started = perf_counter()
    while True:
        try:
            with warehouse.tracer.span("commit", subject), warehouse.session.transaction():
                done = work(held)
        except Broken as broken:
            if broken.model in held:
                raise EngineError(
                    broken.model, broken.error, "Report this: it failed although it was held."
                ) from broken
            held[broken.model] = broken.error
            warehouse.forget()
        except BaseException:
            warehouse.forget()  # tables that were made or given columns here are as they were
            raise
        else:
            return replace(done, seconds=perf_counter() - started)


def replay(
    warehouse: Warehouse, manifest: Manifest, before: Position | None, position: Position, held: dict[str, str]
) -> Committed:
    """The same inside the caller's transaction, for `rebuild` too; `before` is where the cursor stands there."""
    changes: dict[str, Delta] = {}
    totals: set[str] = set()
    removed = added = 0
    landing = Landing(warehouse.lake, warehouse.parquet)
    shapes = [warehouse.shape(landed) for landed in manifest.tables]
    created, reshaped = _stand(warehouse, manifest.source, shapes)
    totals |= created | reshaped
    warehouse.ledger.move(manifest.source, position)  # before the models: they wait for a source that is being loaded
    noted: list[tuple[Any, ...]] = []
    stood: set[str] = set()
    if manifest.moment is not None and warehouse.engine.makes_tables_apart:
        stood = _refresh(warehouse, manifest.moment, changes, totals, held).stand()
    for landed, shape in zip(manifest.tables, shapes, strict=True):
        if landed.is_lines and warehouse.streams is not None:
            with warehouse.tracer.span("apply", shape.name) as span:
                applied = warehouse.streams.take_in(warehouse.session, warehouse.lake, landed)
                span.note(added=applied.added)
            added += applied.added
        elif not manifest.complete:
            added += _append(warehouse.session, landing, landed, empty=shape.name in created)
            created.discard(shape.name)
            applied = Applied(None)
        else:
            with warehouse.tracer.span("apply", shape.name) as span:
                applied = _apply(warehouse, landing, landed, manifest.polled_at)
                span.note(added=applied.added, removed=applied.removed)
        removed, added = removed + applied.removed, added + applied.added
        if applied.delta is not None:
            changes[shape.name] = applied.delta
        did = (applied.removed, applied.added, manifest.polled_at)
        noted.append((shape.name, landed.object or "", landed.rows, landed.deletions, *did))
    warehouse.ledger.batch(manifest.source, manifest.seq, noted)
    if manifest.complete and before is not None and before.loading:
        totals |= {name for name in warehouse.raw_tables() if name.startswith(f"{manifest.source}.")}
    done = Committed(removed=removed, added=added)
    if manifest.moment is not None:
        work = _refresh(warehouse, manifest.moment, changes, totals, held)
        work.stood |= stood
        work.run()
        done = finish(warehouse, work, done)
    return done


def _refresh(
    warehouse: Warehouse,
    moment: datetime,
    changes: dict[str, Delta],
    totals: set[str],
    held: dict[str, str],
) -> Refresh:
    compiled = warehouse.compiled(warehouse.raw_tables().values())
    session, ledger, tracer = warehouse.session, warehouse.ledger, warehouse.tracer
    return Refresh(session, ledger, compiled, moment, changes, totals, held, warehouse.dated, tracer=tracer)


def finish(warehouse: Warehouse, work: Refresh, done: Committed) -> Committed:
    """Land the models' change sets and note the refresh."""
    seq, _ = warehouse.ledger.begin_refresh(work.moment)
    noted = warehouse.ledger.end_refresh(seq, work.moment)
    if warehouse.processed:
        _process(warehouse, work, noted)
    unplanned = ((name, reason) for name, (_, reason) in warehouse.unplanned(work.compiled).items())
    stuck = (*work.stuck, *unplanned)
    return Committed(tuple(work.report), stuck, done.removed, done.added, (*done.notices, *work.notices), work.moment)


def _process(warehouse: Warehouse, work: Refresh, noted: RefreshNote) -> None:
    """Write each visible model's change set to the processed zone, under a name that a retry overwrites."""
    landing, objects = Landing(warehouse.lake, warehouse.parquet), []
    for plan in work.compiled.plans:
        delta = work.changes.get(plan.table.name)
        if delta is None or plan.model is None:
            continue
        columns = warehouse.session.columns(plan.table.name)
        names = listed([column.name for column in columns])
        stream = warehouse.session.fetch(
            f"SELECT {names}, 'before' AS change FROM {quote(delta.before)} UNION ALL "
            f"SELECT {names}, 'after' AS change FROM {quote(delta.after)}"
        )
        key = f"processed/{plan.table.name}/{work.moment:%Y/%m/%d}/{noted.seq:012d}.parquet"
        if landing.put(key, (*columns, Column("change", "VARCHAR")), stream):
            objects.append(key)
    whole = tuple(sorted(work.totals & {plan.table.name for plan in work.compiled.plans if plan.model is not None}))
    note = ProcessedNote(
        seq=noted.seq, moment=noted.moment, committed_at=noted.committed_at, whole=whole, objects=tuple(objects)
    )
    warehouse.lake.put(processed_key(noted.seq), msgspec.json.encode(note))


def stand(warehouse: Warehouse, source: str, tables: Sequence[Table]) -> None:
    """See that these tables of a source stand, in a transaction of their own."""
    with warehouse.session.transaction():
        _stand(warehouse, source, tables)


def _stand(warehouse: Warehouse, source: str, shapes: Sequence[Table]) -> tuple[set[str], set[str]]:
    """See that the tables of a source stand with these columns; answer which were made, and which were changed."""
    there = warehouse.raw_tables()
    created = {shape.name: shape for shape in shapes if shape.name not in there}
    for schema in sorted({name.rpartition(".")[0] for name in created}):
        warehouse.session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
    for shape in created.values():
        _create(warehouse, shape)
    warehouse.ledger.note_tables(source, tuple(created.values()))
    return set(created), {shape.name for shape in shapes if shape.name not in created and _alter(warehouse, shape)}


def _create(warehouse: Warehouse, shape: Table) -> None:
    session = warehouse.session
    columns = ", ".join(f"{quote(column.name)} {column.type}" for column in shape.columns)
    session.execute(f"CREATE TABLE {quote(shape.name)} ({columns})")
    if session.engine.enforces_keys:
        session.execute(f"ALTER TABLE {quote(shape.name)} ADD PRIMARY KEY ({listed(shape.key)})")
    warehouse.note_raw({shape.name: Table(shape.name, session.columns(shape.name), shape.key)})


def _alter(warehouse: Warehouse, shape: Table) -> bool:
    """Give a table the columns that it is described with; answer whether what it holds must be read whole again."""
    session, known = warehouse.session, warehouse.raw_tables()[shape.name]
    if known.key != shape.key:
        raise SourceError(
            shape.name,
            f"its key was {', '.join(known.key)} and is {', '.join(shape.key)}",
            "Reset the stage, and load it afresh.",
        )
    remedy = _AFRESH
    if warehouse.streams is not None and shape.name in warehouse.streams.shapes:
        remedy = _ANEW
        if (error := misfit(warehouse, shape)) is not None:
            raise error
    changed = _reshape(session, shape, {column.name: column for column in known.columns}, remedy)
    if changed:
        session.reshaped(shape.name)
        warehouse.note_raw({shape.name: Table(shape.name, session.columns(shape.name), shape.key)})
    return changed


def differs(warehouse: Warehouse, shape: Table) -> bool:
    """Whether a table is there that has not the columns that it is described with."""
    known = warehouse.raw_tables().get(shape.name)
    types = {column.name: column.type for column in known.columns} if known is not None else {}
    return known is not None and not all(
        column.name in types and _same_type(warehouse.session, types[column.name], column.type)
        for column in shape.columns
    )


def misfit(warehouse: Warehouse, shape: Table) -> SourceError | None:
    """Why a stream's table cannot have the columns that it is described with; None where nothing stored is lost by it.

    Changes nothing. The engine may still refuse.
    """
    known = warehouse.raw_tables().get(shape.name)
    wanted = {column.name: column for column in shape.columns}
    for old in known.columns if known is not None else ():
        new = wanted.get(old.name, old)
        if _loses(warehouse.session, shape.name, old, new.type):
            return _misfit(shape, old, new, _ANEW)
    return None


def _loses(session: Session, table: str, old: Column, kind: str) -> bool:
    """Whether what a column holds could not be said in another type and back."""
    if _same_type(session, old.type, kind):
        return False
    name = quote(old.name)
    lost = f"CAST(CAST({name} AS {kind}) AS {old.type}) IS DISTINCT FROM {name}"
    condition = f"{name} IS NOT NULL" if "JSON" in {old.type, kind} else lost
    try:
        return bool(session.rows(f"SELECT 1 FROM {quote(table)} WHERE {condition} LIMIT 1"))
    except EngineError:
        return True


def _misfit(shape: Table, old: Column, new: Column, remedy: str) -> SourceError:
    return SourceError(
        shape.name, f"{new.name} was {old.type} and is {new.type}, and what is stored does not fit", remedy
    )


def _reshape(session: Session, shape: Table, present: dict[str, Column], remedy: str) -> bool:
    changed = False
    for column in shape.columns:
        old = present.get(column.name)
        if old is None:
            session.execute(f"ALTER TABLE {quote(shape.name)} ADD COLUMN {quote(column.name)} {column.type}")
        elif _same_type(session, old.type, column.type):
            continue
        else:
            try:
                session.execute(f"ALTER TABLE {quote(shape.name)} ALTER COLUMN {quote(column.name)} TYPE {column.type}")
            except EngineError as error:
                raise _misfit(shape, old, column, remedy) from error
        changed = True
    return changed


def _same_type(session: Session, one: str, other: str) -> bool:
    """Whether both are one, or the engine has one for both."""
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    first, second = (translate(f"CAST(NULL AS {kind})", session.engine.dialect) for kind in (one, other))
    return first == second


def _append(session: Session, landing: Landing, landed: LandedTable, *, empty: bool) -> int:
    """A chunk of an initial load: straight in; rows that are there already are replaced."""
    if landed.object is None:
        return 0
    shape = landed.shape()
    if not empty and _may_hold(session, landing, landed, shape):
        keys = session.own(session.name())
        key_columns = tuple(column for column in shape.columns if column.name in shape.key)
        session.engine.load(keys, key_columns, landing.get(landed.object, shape.key), temporary=True)
        session.analyze(keys)
        same = " AND ".join(f"t.{quote(name)} = k.{quote(name)}" for name in shape.key)
        session.execute(f"DELETE FROM {quote(shape.name)} AS t USING {quote(keys)} AS k WHERE {same}")
    return session.engine.load(shape.name, shape.columns, landing.get(landed.object))


def _may_hold(session: Session, landing: Landing, landed: LandedTable, shape: Table) -> bool:
    """Whether a row of the chunk may be in the table already: keys of whole numbers tell by their range."""
    first = next(column for column in shape.columns if column.name == shape.key[0])
    if first.type not in _INTEGERS or landed.object is None:
        return bool(session.rows(f"SELECT 1 FROM {quote(shape.name)} LIMIT 1"))
    ends = landing.ends(landed.object, first.name)
    name = quote(first.name)
    return bool(session.rows(f"SELECT 1 FROM {quote(shape.name)} WHERE {name} BETWEEN $1 AND $2 LIMIT 1", ends))


def _apply(warehouse: Warehouse, landing: Landing, landed: LandedTable, moment: datetime) -> Applied:
    """Rows and deletions of one table, as a change set."""
    session, shape = warehouse.session, landed.shape()
    if landed.object is None and landed.deleted is None:
        return Applied(None)
    stored = warehouse.raw_tables()[shape.name]
    given = set(shape.column_names)
    if landed.object is None:
        after = session.keep(f"SELECT {listed(shape.column_names)} FROM {quote(shape.name)} LIMIT 0")
    else:
        after = session.own(session.name())
        session.engine.load(after, shape.columns, landing.get(landed.object), temporary=True)
    missing = [column for column in stored.columns if column.name not in given]
    if missing:
        spelled = ", ".join(
            quote(column.name) if column.name in given else f"CAST(NULL AS {column.type}) AS {quote(column.name)}"
            for column in stored.columns
        )
        after = session.keep(f"SELECT {spelled} FROM {quote(after)}")
    else:
        session.analyze(after)
    keys = ", ".join(f"{quote(name)} AS s{place}" for place, name in enumerate(shape.key))
    scope = f"SELECT {keys} FROM {quote(after)}"
    if landed.deleted is not None:
        gone = session.own(session.name())
        key_columns = tuple(column for column in shape.columns if column.name in shape.key)
        session.engine.load(gone, key_columns, landing.get(landed.deleted), temporary=True)
        scope += f" UNION SELECT {keys} FROM {quote(gone)}"
    within = Within(session.keep(scope), shape.key, (False,) * len(shape.key))
    floats = frozenset[str]()
    target = Target(shape.name, stored.column_names, shape.key, floats)
    return apply(session, target, within, after, moment)
