"""A SQLite file as Asterism uses it: written ahead, on disk when a commit returns, one writer, many readers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from asterism.errors import AsterismError

PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
MOST_BOUND = 5_000
"""Values in one statement: SQLite binds 32,766 at most."""


class Database:
    """One file and its connections: a writer that threads take in turns, and a reader for each thread.

    What SQLite and the disk raise is told by `error`, made of (subject, fact, remedy).
    """

    def __init__(self, path: Path, name: str, schema: str, error: Callable[[str, str, str], AsterismError]) -> None:
        """Open the file, made with `schema` where it is not there."""
        self.path = path
        self._name = name
        self._error = error
        self._turn = threading.Lock()
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        with self.told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self.open()
            self._writer.executescript(schema)

    def open(self, synchronous: str = "FULL") -> sqlite3.Connection:
        """A further connection, closed with the others."""
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        self._opened.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
        connection.execute("PRAGMA journal_size_limit = 67108864")
        return connection

    @property
    def reader(self) -> sqlite3.Connection:
        """A connection for reading, the calling thread's own."""
        connection: sqlite3.Connection | None = getattr(self._own, "reader", None)
        if connection is None:
            connection = self._own.reader = self.open()
        return connection

    def turn(self) -> threading.Lock:
        """Held by the thread of this process that writes."""
        return self._turn

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes, on disk at its end; nobody else writes meanwhile, in any process."""
        with self._turn, self.told(), transaction(self._writer, "BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the file, and waits for nobody."""
        with self.told(), transaction(self.reader, "BEGIN") as connection:
            yield connection

    def checkpoint(self) -> None:
        """Bring what was written ahead into the file, and leave nothing of it behind."""
        with self._turn, self.told():
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._turn:
            while self._opened:
                with suppress(sqlite3.Error):
                    self._opened.pop().close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what SQLite and the disk raise into an error of ours."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            remedy = "Look after the disk and the file's permissions; nothing is half done."
            raise self._error(self._name, f"{self.path} cannot be used: {error}", remedy) from error


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    """Commit at a clean end, roll back otherwise."""
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
