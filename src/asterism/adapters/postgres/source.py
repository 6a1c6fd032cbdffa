"""A PostgreSQL database as a source: polled by transaction id, so that no commit is missed however late it comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from asterism.adapters.postgres import loading, polling, snapshot
from asterism.adapters.postgres.cursor import Position
from asterism.adapters.postgres.discovery import Relation, discover
from asterism.adapters.postgres.polling import Reading
from asterism.adapters.postgres.session import Session
from asterism.adapters.postgres.snapshot import Snapshot
from asterism.declare.source import Postgres
from asterism.declare.table import Table
from asterism.errors import SourceError
from asterism.ports.source import Answer, Batch, Cursor

_TRIES = 5
_UNDEFINED_TABLE = "42P01"
_FEW = 5000
"""Rows that a poll fetches by their place."""
_SELECTIVE = 20
"""An index is used where it leaves less than one row in so many."""


class PostgresSource:
    """The tables of `declaration` in the database at `url`, called `<name>.<table>`; errors speak of `name`.

    One connection is kept between calls, and one thread uses it at a time.
    Everything is read in REPEATABLE READ, READ ONLY transactions; nothing is written, and no lock is held but the one
    that any SELECT takes.
    """

    def __init__(self, declaration: Postgres, url: str, name: str) -> None:
        self._declaration = declaration
        self._name = name
        self._session = Session(url, name)
        self._known: tuple[Relation, ...] = ()
        self._known_at: Snapshot | None = None

    def describe(self) -> tuple[Table, ...]:
        """The tables that would be pulled; `SourceError` names every table that cannot be."""
        with self._session.snapshot():
            now = snapshot.take(self._session)
            self._known, self._known_at = discover(self._session, self._declaration, self._name), now
        return tuple(relation.table(self._name) for relation in self._known)

    @contextmanager
    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> Iterator[Answer]:
        """What changed since `cursor`, in one snapshot: see the port.

        The first pulls are chunks of an initial load; the pull after the last chunk reads what changed meanwhile, with
        all keys.
        """
        self._meet()
        with self._session.snapshot():
            now, relations = self._look()
            position = Position.read(cursor)
            notices: tuple[str, ...] = ()
            if position is not None and position.load is not None and (why := polling.mistrusted(position, now)):
                position, notices = None, (f"the initial load begins again: {why}",)
            if position is None:
                position = Position.start(now)
            if position.load is not None and not position.load.done:
                rows = self._declaration.chunk_rows
                readings, following = loading.next_chunk(self._session, position, relations, rows)
                yield Answer(now.polled_at, self._batches(readings), following.write(), complete=False, notices=notices)
                return
            self._session.set(polling.settings(position, now))
            narrowing = polling.narrowings(position, relations) if now.xmax > position.xmin else {}
            narrowing = self._worth_it(narrowing, relations)
            poll = polling.decide(position, now, relations, reconcile=reconcile, narrowing=narrowing)
            readings = self._with_rows(poll.readings)
            batches = self._batches(readings)
            yield Answer(now.polled_at, batches, poll.position.write(), complete=True, notices=poll.notices)

    @contextmanager
    def everything(self) -> Iterator[Answer]:
        """Every row of every table, in one snapshot: see the port."""
        self._meet()
        with self._session.snapshot():
            now, relations = self._look()
            batches = self._batches(tuple(Reading(relation) for relation in relations))
            yield Answer(now.polled_at, batches, {}, complete=True)

    def estimate(self, cursor: Cursor) -> int | None:
        """About how many rows an initial load has still to read."""
        position = Position.read(cursor)
        if position is not None and position.load is None:
            return None
        self._meet()
        return loading.left(position, self._known)

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _meet(self) -> None:
        """Know the tables before a snapshot is taken, so that they can be locked first."""
        if not self._known:
            self.describe()

    def _look(self) -> tuple[Snapshot, tuple[Relation, ...]]:
        """Lock the tables against ALTER and TRUNCATE, take the snapshot, and see what is there.

        In this order, as after a snapshot a TRUNCATE would show as an empty table.
        """
        for _ in range(_TRIES):
            try:
                self._session.execute(f"lock table {', '.join(r.lock for r in self._known)} in access share mode")
                now = snapshot.take(self._session)
                if self._known_at is not None and now.same_as(self._known_at):
                    return now, self._known
                relations = discover(self._session, self._declaration, self._name)
            except SourceError as error:
                if getattr(error.__cause__, "sqlstate", None) != _UNDEFINED_TABLE:
                    raise
                self._session.restart()
                relations = discover(self._session, self._declaration, self._name)
            else:
                if {(r.oid, r.name) for r in relations} == {(r.oid, r.name) for r in self._known}:
                    self._known, self._known_at = relations, now
                    return now, relations
            self._known = relations
            self._session.restart()
        raise SourceError(
            self._name, "its tables change faster than they are read", "It is tried again.", transient=True
        )

    def _worth_it(self, narrowing: dict[str, str], relations: tuple[Relation, ...]) -> dict[str, str]:
        """The conditions that PostgreSQL expects to leave few rows: else a plain scan is faster than an index."""
        worth = {}
        for relation in relations:
            if condition := narrowing.get(relation.name):
                expected = self._session.expected(f"select from {relation.source} where {condition}")
                if expected * _SELECTIVE < relation.estimate:
                    worth[relation.name] = condition
        return worth

    def _with_rows(self, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
        """Leave out what has nothing to read: most tables, in most polls. One question for all of them.

        It asks for the places of the rows, so that a few rows of a large table are not looked for twice. Places hold
        within the snapshot.
        """
        asked = [
            f"(select {n} as n, t.ctid::text as place from {r.relation.source} where {r.where} limit {_FEW + 1})"
            for n, r in enumerate(readings)
            if not r.needed
        ]
        places: dict[int, list[str]] = {}
        for n, place in self._session.rows(" union all ".join(asked)) if asked else ():
            places.setdefault(n, []).append(f'"{place}"')
        few = {n: at for n, at in places.items() if len(at) <= _FEW and not readings[n].relation.partitioned}
        self._session.set({f"asterism.rows_{n}": f"{{{','.join(at)}}}" for n, at in few.items()})
        return tuple(
            replace(r, where=f"t.ctid = any(current_setting('asterism.rows_{n}')::tid[])") if n in few else r
            for n, r in enumerate(readings)
            if r.needed or n in places
        )

    def _batches(self, readings: tuple[Reading, ...]) -> Iterator[Batch]:
        for reading in readings:
            relation = reading.relation
            rows = self._session.stream(relation.select(reading.where))
            keys = self._session.stream(relation.select(fields=relation.key_fields)) if reading.keys else None
            yield Batch(relation.table(self._name), rows, keys)
