"""An initial load, chunk by chunk in the order of the keys, so that it stays in bounded memory and can be resumed."""

from __future__ import annotations

from dataclasses import replace

from asterism.adapters.postgres.cursor import Load, Position, Shape
from asterism.adapters.postgres.discovery import Relation
from asterism.adapters.postgres.polling import Reading
from asterism.adapters.postgres.session import Session

_INTEGERS = ("smallint", "integer", "bigint")
_SPARSE = 2
"""Numbers that a key may use for each row, on average, so that chunks are cut by arithmetic."""
_FIRST = 30_000
"""Rows of a table's first chunk at least. The warehouse waits for it, so it is half a chunk: by default one group of
DuckDB's. What ends within a group costs time and memory from there on."""
_AFTER, _UPTO = "asterism.after", "asterism.upto"


def next_chunk(
    session: Session, position: Position, relations: tuple[Relation, ...], rows: int
) -> tuple[tuple[Reading, ...], Position]:
    """What the next chunk reads, at most about `rows` rows of one table or several, and the position after it.

    Runs in the transaction that will read: its settings hold the chunk's ends.
    """
    load = position.load or Load()
    readings: list[Reading] = []
    room = rows
    tables = dict(position.tables)
    counts: dict[str, int] = {}
    for relation in relations:
        if relation.name < load.table or (load.whole and relation.name == load.table):
            continue
        if room <= 0:
            break
        resumes = relation.name == load.table and _same_key(tables.get(relation.name), relation)
        begun = load if resumes else Load()
        after = begun.after
        where = "" if after is None else _beyond(session, relation, ">", _AFTER, after)
        if relation.estimate <= rows and not counts:
            counts = _small(session, relations, rows)
        count = counts.get(relation.name, rows + 1)
        most = room if begun.rows else min(room, max(room // 2, _FIRST))
        end, found = (None, count) if count <= room else _cut(session, relation, where, after, most)
        if end is None:
            tables.setdefault(relation.name, Shape.of(relation))
            readings.append(Reading(relation, where))
            room -= found
            load = Load(relation.name, whole=True)
            continue
        if not readings:
            tables.setdefault(relation.name, Shape.of(relation))
            upto = _beyond(session, relation, "<=", _UPTO, end)
            readings.append(Reading(relation, f"{where} and {upto}" if where else upto))
            load = Load(relation.name, end, begun.rows + most)
        break
    else:
        load = replace(load, done=True)
    return tuple(readings), replace(position, tables=tables, load=load)


def left(position: Position | None, relations: tuple[Relation, ...]) -> int:
    """About how many rows an initial load has still to read."""
    load = (position.load if position else None) or Load()
    ahead = [r for r in relations if r.name > load.table or (r.name == load.table and not load.whole)]
    return 0 if load.done else max(sum(relation.estimate for relation in ahead) - load.rows, 0)


def _same_key(known: Shape | None, relation: Relation) -> bool:
    return known is not None and (known.oid, known.key) == (relation.oid, relation.key)


def _beyond(session: Session, relation: Relation, compare: str, prefix: str, key: tuple[str, ...]) -> str:
    """The condition that a row's key is `compare` than `key`, in the order of the key's own index."""
    names = [f"{prefix}_{number}" for number in range(len(key))]
    session.set(dict(zip(names, key, strict=True)))
    columns = ", ".join(field.ordered for field in relation.key_fields)
    values = ", ".join(field.value(name) for field, name in zip(relation.key_fields, names, strict=True))
    return f"({columns}) {compare} ({values})"


def _small(session: Session, relations: tuple[Relation, ...], rows: int) -> dict[str, int]:
    """How many rows each table has that is thought to fit into a chunk, counted no further than that."""
    asked = [
        f"select {n} as n, (select count(*) from (select from {r.source} limit {rows + 1:d}) as c) as rows"
        for n, r in enumerate(relations)
        if r.estimate <= rows
    ]
    return {relations[n].name: int(count) for n, count in session.rows(" union all ".join(asked))}


def _cut(
    session: Session, relation: Relation, where: str, after: tuple[str, ...] | None, room: int
) -> tuple[tuple[str, ...] | None, int]:
    """The key that ends a chunk of at most `room` rows beyond `after`, and about how many they are; None: all of them.

    A key of whole numbers, most of which are in use, needs no look at the rows: so many numbers are no more rows.
    """
    field = relation.key_fields[0]
    if len(relation.key) == 1 and field.declared in _INTEGERS:
        ((least, most),) = session.rows(
            f"select min({field.column})::bigint as least, max({field.column})::bigint as most from {relation.source}"
        )
        if least is not None and most - least < _SPARSE * relation.estimate:
            begun = least - 1 if after is None else int(after[0])
            return ((str(begun + room),), room) if begun + room < most else (None, max(most - begun, 0))
    end = _key_at(session, relation, where, room)
    return end, room if end is not None else _count(session, relation, where)


def _key_at(session: Session, relation: Relation, where: str, place: int) -> tuple[str, ...] | None:
    """The key at a place of the order, counted from 1; None where there are no rows beyond it."""
    texts = ", ".join(f"{field.column}::text as k{n}" for n, field in enumerate(relation.key_fields))
    order = ", ".join(field.ordered for field in relation.key_fields)
    condition = f"where {where} " if where else ""
    found = session.rows(
        f"select {texts} from {relation.source} {condition}order by {order} offset {place - 1:d} limit 2"
    )
    return found[0] if len(found) > 1 else None


def _count(session: Session, relation: Relation, where: str) -> int:
    condition = f" where {where}" if where else ""
    return int(session.rows(f"select count(*) as n from {relation.source}{condition}")[0][0])
