"""The log in a SQLite file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from asterism.adapters.sqlite.database import MOST_BOUND, Database, transaction
from asterism.errors import LogError
from asterism.ports.log import Entry, Logged, Offsets, Standing

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_BYTES = 4_000_000
"""Bodies that one read answers, but at least one record."""
_SHORTEST, _LONGEST = 0.002, 0.02
"""Seconds between two glances at whether another connection has written."""
_AT_ONCE = 10_000
"""Records removed in one transaction, so that producers come in between."""


class SqliteLog:
    """Implements `Log`: one partition, which has the log's own random name.

    An append is one transaction with synchronous=FULL: a power failure takes back nothing that returned. Producers of
    several processes take turns; readers wait for nobody.
    """

    dedupes = True
    numbered = True

    def __init__(self, path: Path, name: str = "the log") -> None:
        """Open the file, made where it is not there. Raises LogError."""
        schema = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
        self._database = Database(path, name, schema, LogError)
        self._numbers: dict[str, int] = {}
        with self._database.reading() as connection:
            (self.partition,) = connection.execute("SELECT part FROM self").fetchone()

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:
        """See `Log.append`."""
        if not entries:
            return []
        now = time.time_ns() // 1000
        with self._database.writing() as connection:
            number = self._number(connection, stream) or self._make(connection, stream)
            fresh = self._fresh(connection, number, entries, now)
            kept = [entry for entry, is_new in zip(entries, fresh, strict=True) if is_new]
            if not kept:
                return fresh
            ((last,),) = connection.execute(
                "UPDATE streams SET last = last + ?, records = records + ?, size = size + ? WHERE id = ? "
                "RETURNING last",
                (len(kept), len(kept), sum(len(entry.body) for entry in kept), number),
            ).fetchall()
            first = last - len(kept) + 1
            connection.executemany(
                f"INSERT INTO records_{number} VALUES (?, ?, ?, ?, ?)",
                [(first + place, entry.id, entry.key, now, entry.body) for place, entry in enumerate(kept)],
            )
            until = now + int(dedupe / timedelta(microseconds=1))
            connection.executemany(
                "INSERT OR REPLACE INTO ids VALUES (?, ?, ?)",
                [(number, entry.id, until) for entry in kept if entry.given],
            )
        self._numbers[stream] = number
        return fresh

    def read(self, stream: str, consumer: str, after: Offsets, limit: int, wait: float = 0.0) -> list[Logged]:  # noqa: ARG002 - the consumer is for brokers
        """See `Log.read`."""
        position = after.get(self.partition, 0)
        with self._database.reader() as connection:
            found = self._read(connection, stream, position, limit)
            if found or wait <= 0:
                return found
            until, pause, seen = time.monotonic() + wait, _SHORTEST, _version(connection)
            found = self._read(connection, stream, position, limit)  # what came before the version was asked for
            while not found and time.monotonic() < until:
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST)
                version = _version(connection)
                if version != seen:
                    seen, found = version, self._read(connection, stream, position, limit)
        return found

    def commit(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """See `Log.commit`."""
        position = offsets.get(self.partition, 0)
        # A position that is lost in a power failure is read again: that needs no waiting for the disk.
        with self._database.writing("NORMAL") as connection:
            number = self._number(connection, stream) or self._make(connection, stream)
            connection.execute(
                "INSERT INTO consumers VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET position = max(position, excluded.position)",
                (number, consumer, position),
            )

    def standing(self, stream: str) -> Standing:
        """See `Log.standing`."""
        with self._database.reading() as connection:
            number = self._number(connection, stream)
            if number is None:
                return Standing({})
            last, records, size = connection.execute(
                "SELECT last, records, size FROM streams WHERE id = ?", (number,)
            ).fetchone()
            committed = connection.execute(
                "SELECT name, position FROM consumers WHERE stream = ?", (number,)
            ).fetchall()
            oldest = connection.execute(f"SELECT at FROM records_{number} ORDER BY position LIMIT 1").fetchone()
        return Standing(
            {self.partition: last} if last else {},
            {name: {self.partition: position} for name, position in committed},
            records,
            size,
            _time(oldest[0]) if oldest else None,
        )

    def trim(self, stream: str, consumers: Collection[str], before: datetime, keep_bytes: int | None = None) -> int:
        """See `Log.trim`."""
        standing = self.standing(stream)
        read = min(
            (standing.committed.get(name, {}).get(self.partition, 0) for name in consumers),
            default=standing.end.get(self.partition, 0),
        )
        moment = int((before.replace(tzinfo=UTC) - _EPOCH) / timedelta(microseconds=1))
        dropped = 0
        while some := self._trim_some(stream, read, moment, keep_bytes):
            dropped += some
        while self._forget_some(stream) == _AT_ONCE:
            pass
        return dropped

    def erase(self, stream: str, ids: Collection[str]) -> int:
        """See `Log.erase`. What is left of their bytes in the file: see `Database.rewrite`."""
        erased = sum([self._erase_some(stream, some) for some in _parts([*ids])])
        self._database.rewrite()
        return erased

    def close(self) -> None:
        """See `Log.close`."""
        self._database.close()

    def _read(self, connection: sqlite3.Connection, stream: str, position: int, limit: int) -> list[Logged]:
        found: list[Logged] = []
        size, partition = 0, self.partition
        with transaction(connection, "BEGIN"):
            number = self._number(connection, stream)
            if number is None:
                return []
            rows = connection.execute(
                f"SELECT position, id, key, at, body FROM records_{number} WHERE position > ? "
                "ORDER BY position LIMIT ?",
                (position, limit),
            )
            for row in rows:
                size += len(row[4])
                if size > _MOST_BYTES and found:
                    break
                found.append(Logged(partition, *row))
            rows.close()
        return found

    def _number(self, connection: sqlite3.Connection, stream: str) -> int | None:
        number = self._numbers.get(stream)
        if number is None:
            row = connection.execute("SELECT id FROM streams WHERE name = ?", (stream,)).fetchone()
            if row is None:
                return None
            number = self._numbers[stream] = row[0]
        return number

    def _make(self, connection: sqlite3.Connection, stream: str) -> int:
        """Not remembered: its transaction may still be rolled back."""
        ((number,),) = connection.execute("INSERT INTO streams (name) VALUES (?) RETURNING id", (stream,)).fetchall()
        connection.execute(
            f"CREATE TABLE records_{number} (position INTEGER PRIMARY KEY, id TEXT NOT NULL, key TEXT NOT NULL, "
            "at INTEGER NOT NULL, body BLOB NOT NULL)"
        )
        return int(number)

    @staticmethod
    def _fresh(connection: sqlite3.Connection, number: int, entries: Sequence[Entry], now: int) -> list[bool]:
        """Which entries are new: ids that were not given yet, nor stand twice among these."""
        given = [entry.id for entry in entries if entry.given]
        taken: set[str] = set()
        for some in _parts(given):
            listed = ", ".join("?" * len(some))
            rows = connection.execute(  # + keeps SQLite from looking through all ids by their time
                f"SELECT id FROM ids WHERE stream = ? AND id IN ({listed}) AND +until >= ?", (number, *some, now)
            )
            taken.update(row[0] for row in rows)
        fresh = []
        for entry in entries:
            fresh.append(not entry.given or entry.id not in taken)
            if entry.given:
                taken.add(entry.id)
        return fresh

    def _trim_some(self, stream: str, read: int, before: int, keep_bytes: int | None) -> int:
        with self._database.writing() as connection:
            number = self._number(connection, stream)
            if number is None:
                return 0
            ((size,),) = connection.execute("SELECT size FROM streams WHERE id = ?", (number,)).fetchall()
            rows = connection.execute(
                f"SELECT position, at, length(body) FROM records_{number} WHERE position <= ? "
                "ORDER BY position LIMIT ?",
                (read, _AT_ONCE),
            ).fetchall()
            until = None
            for position, at, length in rows:
                if at >= before and (keep_bytes is None or size <= keep_bytes):
                    break
                size -= length
                until = position
            if until is None:
                return 0
            sizes = [(length,) for position, _, length in rows if position <= until]
            connection.execute(f"DELETE FROM records_{number} WHERE position <= ?", (until,))
            self._count_off(connection, number, sizes)
            return len(sizes)

    def _forget_some(self, stream: str) -> int:
        with self._database.writing() as connection:
            number = self._number(connection, stream)
            return connection.execute(
                "DELETE FROM ids WHERE stream = ? AND id IN "
                "(SELECT id FROM ids WHERE stream = ? AND until < ? LIMIT ?)",
                (number, number, time.time_ns() // 1000, _AT_ONCE),
            ).rowcount

    def _erase_some(self, stream: str, ids: Sequence[str]) -> int:
        listed = ", ".join("?" * len(ids))
        with self._database.reading() as connection:  # the whole table is looked through: nobody waits for that
            number = self._number(connection, stream)
            if number is None:
                return 0
            ((last,),) = connection.execute("SELECT last FROM streams WHERE id = ?", (number,)).fetchall()
            named = f"SELECT position FROM records_{number} WHERE id IN ({listed}) AND position"
            found = connection.execute(f"{named} <= ?", (*ids, last)).fetchall()
        with self._database.writing() as connection:
            found += connection.execute(f"{named} > ?", (*ids, last)).fetchall()
            sizes: list[tuple[int]] = []
            for some in _parts([position for (position,) in found]):
                positions = ", ".join("?" * len(some))
                sizes += connection.execute(
                    f"DELETE FROM records_{number} WHERE position IN ({positions}) RETURNING length(body)", some
                ).fetchall()
            connection.execute(f"DELETE FROM ids WHERE stream = ? AND id IN ({listed})", (number, *ids))
            self._count_off(connection, number, sizes)
        return len(sizes)

    @staticmethod
    def _count_off(connection: sqlite3.Connection, number: int, sizes: Sequence[tuple[int]]) -> None:
        connection.execute(
            "UPDATE streams SET records = records - ?, size = size - ? WHERE id = ?",
            (len(sizes), sum(size for (size,) in sizes), number),
        )


def _version(connection: sqlite3.Connection) -> int:
    """Changes when another connection has committed."""
    ((version,),) = connection.execute("PRAGMA data_version").fetchall()
    return int(version)


def _parts(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[start : start + MOST_BOUND] for start in range(0, len(values), MOST_BOUND))


def _time(microseconds: int) -> datetime:
    return (_EPOCH + timedelta(microseconds=microseconds)).replace(tzinfo=None)
