"""State in a SQLite file: the keyed states of live views."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from asterism.adapters.sqlite.database import MOST_BOUND, Database
from asterism.errors import StateError
from asterism.ports.log import Offsets
from asterism.ports.state import Header, Kept

_ASKED = MOST_BOUND // 2
"""Keys in one statement: each binds two values."""
_REMEMBERED = 3600.0
"""Seconds for which a drop is told."""
_STATE = "key, value, part, position, win"
_REPLACE = (
    "DELETE FROM states WHERE view = :new AND value IS NULL",
    "DELETE FROM states WHERE view = :old AND (key, win) IN (SELECT key, win FROM states WHERE view = :new)",
    """UPDATE states SET value = NULL, part = '', position = :now, version = :last
    WHERE view = :old AND value IS NOT NULL""",
    "UPDATE states SET view = :old, version = version + :base WHERE view = :new",
    """UPDATE views SET (version, offsets, note) = (SELECT :last, n.offsets, n.note FROM views AS n WHERE n.id = :new)
    WHERE id = :old""",
    "UPDATE views SET version = version + 1, offsets = '{}', note = '{}' WHERE id = :new",
)
"""What `new` has takes the place of what `old` had."""


class SqliteState:
    """Live views in one SQLite file. A put is one transaction, and on disk when it returns.

    One thread of a process writes at a time, the others wait in line; reading waits for nobody.
    """

    def __init__(self, path: Path, name: str = "the live views") -> None:
        """Open the file, made where it is not there. Raises StateError."""
        schema = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
        self._database = Database(path, name, schema, StateError)
        self._swept = -_REMEMBERED

    def claim(self, view: str) -> Header:
        """Count the owners up."""
        with self._database.writing() as connection:
            self._sweep(connection)
            return self._claim(connection, view)[1]

    def get(self, view: str, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Kept]:
        """In one statement for some thousand keys."""
        wanted = list(keys)
        found: dict[tuple[str, str], Kept] = {}
        with self._database.reading() as connection:
            for at in range(0, len(wanted), _ASKED):
                some = wanted[at : at + _ASKED]
                rows = connection.execute(
                    f"WITH wanted (k, w) AS (VALUES {', '.join(['(?, ?)'] * len(some))}) "
                    f"SELECT {_STATE} FROM wanted CROSS JOIN states ON key = k AND win = w "
                    "WHERE view = (SELECT id FROM views WHERE name = ?) AND value IS NOT NULL",
                    [*(part for address in some for part in address), view],
                )
                found.update({(row[0], row[4]): _kept(row) for row in rows})
        return found

    def put(
        self, view: str, epoch: int, kept: Sequence[Kept], offsets: Offsets, note: Mapping[str, Any] | None = None,
        dropped: Collection[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        """One transaction; the fence is its first statement."""
        told = None if note is None else json.dumps(note)
        with self._database.writing() as connection:
            row = connection.execute(
                "UPDATE views SET version = version + 1, offsets = ?, note = coalesce(?, note) "
                "WHERE name = ? AND epoch = ? RETURNING id, version",
                (json.dumps(dict(offsets)), told, view, epoch),
            ).fetchall()
            if not row:
                raise StateError(f"view {view}", "another worker has taken it over", "Stop this one.", fenced=True)
            ((number, version),) = row
            connection.executemany(
                f"INSERT INTO states (view, {_STATE}, version) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "value = excluded.value, part = excluded.part, position = excluded.position, "
                "version = excluded.version",
                [(number, k, v, part, str(position), win, version) for k, v, part, position, win in kept],
            )
            connection.executemany(
                "UPDATE states SET value = NULL, part = '', position = ?, version = ? "
                "WHERE view = ? AND key = ? AND win = ? AND value IS NOT NULL",
                [(_seconds(), version, number, *address) for address in dropped],
            )
            self._sweep(connection)

    def scan(
        self, view: str, after: tuple[str, str] | None = None, limit: int = 1000, key: str | None = None
    ) -> list[Kept]:
        """By the table's own order."""
        beyond = "" if after is None else "AND (key, win) > (?, ?) "
        of_key = "" if key is None else "AND key = ? "
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_STATE} FROM states WHERE view = (SELECT id FROM views WHERE name = ?) {beyond}{of_key}"
                "AND value IS NOT NULL ORDER BY key, win LIMIT ?",
                (view, *(after or ()), *(() if key is None else (key,)), limit),
            )
            return [_kept(row) for row in rows]

    def watch(
        self, view: str, since: int, limit: int = 1000
    ) -> tuple[Header, list[tuple[int, Kept | tuple[str, str]]]]:
        """Who begins at 0 knows no state, and is told of no drop."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT epoch, version, offsets, note, id FROM views WHERE name = ?", (view,)
            ).fetchone()
            if row is None:
                return Header(), []
            header, number = _header(row), row[4]
            if limit <= 0 or since >= header.version:
                return header, []
            known = "view = ? AND version > ? AND (value IS NOT NULL OR ? > 0)"
            until = connection.execute(  # the last version that still fits, but at least one
                f"WITH some AS (SELECT version FROM states WHERE {known} ORDER BY version LIMIT ?) "
                "SELECT CASE WHEN count(*) <= ? THEN max(version) "
                "ELSE coalesce((SELECT max(version) FROM some WHERE version < (SELECT max(version) FROM some)), "
                "max(version)) END FROM some",
                (number, since, since, limit + 1, limit),
            ).fetchone()[0]
            rows = connection.execute(
                f"SELECT {_STATE}, version FROM states WHERE {known} AND version <= ? ORDER BY version, key, win",
                (number, since, since, until),
            )
            return header, [(row[5], (row[0], row[4]) if row[1] is None else _kept(row)) for row in rows]

    def replace(self, view: str, by: str | None) -> None:
        """Versions go on growing, and what `view` had and `by` has not is dropped, so that watchers miss nothing."""
        with self._database.writing() as connection:
            old, before = self._claim(connection, view)
            if by is None:
                last = before.version + 1
                connection.execute(
                    "UPDATE views SET version = ?, offsets = '{}', note = '{}' WHERE id = ?", (last, old)
                )
                connection.execute(
                    "UPDATE states SET value = NULL, part = '', position = ?, version = ? "
                    "WHERE view = ? AND value IS NOT NULL",
                    (_seconds(), last, old),
                )
                return
            new, after = self._claim(connection, by)
            last = before.version + after.version + 1
            named = {"old": old, "new": new, "base": before.version, "last": last, "now": _seconds()}
            for statement in _REPLACE:
                connection.execute(statement, named)
        self._database.checkpoint()  # what was erased from the view stands nowhere else

    def close(self) -> None:
        """Close the connections of all threads."""
        self._database.close()

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Forget old drops, now and then."""
        if time.time() - self._swept > _REMEMBERED / 10:
            self._swept = time.time()
            connection.execute("DELETE FROM states WHERE value IS NULL AND position < ?", (_seconds(-_REMEMBERED),))

    @staticmethod
    def _claim(connection: sqlite3.Connection, view: str) -> tuple[int, Header]:
        ((*row, number),) = connection.execute(
            "INSERT INTO views (name, epoch, version, offsets, note) VALUES (?, 1, 0, '{}', '{}') "
            "ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1 RETURNING epoch, version, offsets, note, id",
            (view,),
        ).fetchall()
        return number, _header(row)


def _seconds(beyond: float = 0) -> str:
    """The present, so many seconds beyond; texts of this century sort as their numbers do."""
    return str(int(time.time() + beyond))


def _kept(row: Sequence[Any]) -> Kept:
    key, value, partition, position, window = row[:5]
    return Kept(key, value, partition, int(position), window)


def _header(row: Sequence[Any]) -> Header:
    epoch, version, offsets, note = row[:4]
    return Header(epoch, version, json.loads(offsets), json.loads(note))
