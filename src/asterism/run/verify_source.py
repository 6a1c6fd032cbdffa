"""Verify against a source: every row of its tables, compared with what has been pulled, while both go on living."""

from __future__ import annotations

from asterism.declare.source import Pull
from asterism.declare.table import Column, Table
from asterism.ports.source import Source
from asterism.run.apply import Target, difference, same_key
from asterism.run.land import Landing, Manifest
from asterism.run.pull import pull
from asterism.run.session import listed, quote
from asterism.run.verify import Difference
from asterism.run.warehouse import Progress, Warehouse, silent


def verify_source(
    warehouse: Warehouse, declared: Pull, source: Source, *, progress: Progress = silent
) -> tuple[Difference, ...]:
    """Pull, read the source whole in one snapshot, pull again, compare. One entry a table.

    A row that the pulls touched may have changed around the snapshot and is left out, so what is counted is a real
    difference. The source's tables are copied for as long as this runs.
    """
    name = declared.into
    pull(warehouse, declared, source, reconcile=True, progress=progress)
    first = warehouse.ledger.position(name)
    copies: list[tuple[Table, str]] = []
    session = warehouse.session
    try:
        with source.everything() as answer:
            for number, batch in enumerate(answer.batches):
                progress(f"reading {name}", number, None)
                copy = session.name()
                copies.append((batch.table, copy))
                session.engine.load(copy, batch.table.columns, batch.rows, temporary=True)
                session.analyze(copy)
        pull(warehouse, declared, source, reconcile=True)
        landing = Landing(warehouse.lake, warehouse.parquet)
        since = [each for each in landing.manifests(name) if first is not None and each.seq >= first.seq]
        found = []
        for number, (table, copy) in enumerate(copies):
            progress(f"comparing {name}", number, len(copies))
            found.append(_compare(warehouse, table, copy, since))
        return tuple(found)
    finally:
        for _, copy in copies:
            session.execute(f"DROP TABLE IF EXISTS {quote(copy)}")


def _compare(warehouse: Warehouse, table: Table, copy: str, since: list[Manifest]) -> Difference:
    session = warehouse.session
    target = Target(table.name, table.column_names, table.key)
    with session.transaction():
        stored = session.keep(f"SELECT {listed(table.column_names)} FROM {quote(table.name)}")
        moved = _moved(warehouse, table, since)
        counts = []
        for these, those in ((stored, copy), (copy, stored)):
            unlike = difference(session, target, these, those)
            same = same_key(table.key, "m", "u", [False] * len(table.key))
            counts.append(
                session.rows(
                    f"SELECT count(*) FROM {quote(unlike)} AS u "
                    f"WHERE NOT EXISTS (SELECT 1 FROM {quote(moved)} AS m WHERE {same})"
                )[0][0]
            )
    return Difference(table.name, missing=counts[1], unexpected=counts[0])


def _moved(warehouse: Warehouse, table: Table, since: list[Manifest]) -> str:
    """The keys that were landed meanwhile."""
    session, landing = warehouse.session, Landing(warehouse.lake, warehouse.parquet)
    columns = tuple(Column(each.name, each.type) for each in table.columns if each.name in table.key)
    moved = session.keep(f"SELECT {listed(table.key)} FROM {quote(table.name)} LIMIT 0")
    for manifest in since:
        for landed in manifest.tables:
            for key in (landed.object, landed.deleted) if landed.table == table.name else ():
                if key is not None:
                    session.engine.load(moved, columns, landing.get(key), temporary=True)
    return moved
