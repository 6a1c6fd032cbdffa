"""A SQLite file as Asterism uses it: written ahead, on disk when a commit returns, one writer, many readers."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from asterism.errors import AsterismError

PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
_GLANCE = 0.0005
"""Seconds between two attempts to write beside another process."""
MOST_BOUND = 5_000
"""Values in one statement: SQLite binds 32,766 at most."""
MOST_AHEAD = 64 << 20
"""Bytes of the file that is written ahead (-wal), which grows while somebody always reads; beyond, it is emptied."""
MOST_REWRITTEN = 256 << 20
"""Bytes of a file that is rewritten so that nothing is left of what was erased: a second or two, while writers wait."""
_READERS_LEAVE, _READERS_MUST_LEAVE = 0.2, 5.0
"""Seconds to wait for readers, so that what is written ahead can be emptied: in passing, and where it must be."""

_REMEDIES = {
    sqlite3.SQLITE_FULL: "Free some space there, and do it again: nothing is half done.",
    sqlite3.SQLITE_BUSY: "Another process holds the file; see which one does (lsof), and do it again.",
    sqlite3.SQLITE_CORRUPT: "Move the file and its -wal and -shm away, and put a backup of them in their place.",
}
_REMEDIES[sqlite3.SQLITE_NOTADB] = _REMEDIES[sqlite3.SQLITE_CORRUPT]
_LOOK = "Look after the disk and the file's permissions, and do it again: nothing is half done."


class Database:
    """One file and its connections: a writer that threads take in turns, and as many readers as read at a time.

    What SQLite and the disk raise is told by `error`, made of (subject, fact, remedy). A connection does not outlive a
    fork: the child is refused.
    """

    def __init__(self, path: Path, name: str, schema: str, error: Callable[[str, str, str], AsterismError]) -> None:
        """Open the file, made with `schema` where it is not there."""
        self.path = path
        self._name = name
        self._error = error
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._pool = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._ahead = Path(f"{path}-wal")
        self._empty_at = MOST_AHEAD
        with self.told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open()
            try:
                self._writer.executescript(f"BEGIN IMMEDIATE;\n{schema}\nCOMMIT;")
                self._writer.execute("PRAGMA busy_timeout = 0")  # see `patiently`
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def writing(self, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        """A transaction that writes, on disk at its end; nobody else writes meanwhile, in any process.

        With NORMAL its end does not wait for the disk: a power failure may take it back, a crash of ours does not.
        """
        with self._at_the_writer() as writer:
            writer.execute(f"PRAGMA synchronous = {synchronous}")
            with transaction(writer, "BEGIN IMMEDIATE") as connection:
                yield connection
            if self._bytes_ahead() > self._empty_at:
                with suppress(sqlite3.Error):  # the transaction stands
                    self._empty(_READERS_LEAVE)
                self._empty_at = self._bytes_ahead() + MOST_AHEAD

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the file, and waits for nobody."""
        with self.reader() as connection, transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading, nobody else's meanwhile."""
        with self.told():
            with self._pool:
                self._refuse()
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._open()
            try:
                yield connection
            finally:
                with self._pool:
                    if not self._closed:
                        self._idle.append(connection)
                if self._closed:
                    connection.close()

    def rewrite(self) -> None:
        """Leave nothing of what was deleted in a file of up to MOST_REWRITTEN bytes, or beside it.

        SQLite overwrites what is deleted, but not the copies that it left in its pages when it moved a record (one in a
        thousand, say). In a larger file those stay until the page is used again or freed.
        """
        with self._at_the_writer() as writer:
            if self.path.stat().st_size + self._bytes_ahead() <= MOST_REWRITTEN:
                patiently(writer, "VACUUM")
        self.checkpoint()

    def checkpoint(self) -> None:
        """Bring what was written ahead into the file, and leave nothing of it behind. Waits for those who read now."""
        with self._at_the_writer():
            if not self._empty(_READERS_MUST_LEAVE):
                fact = f"what was erased still stands in {self._ahead}, as another process has been reading for long"
                raise self._error(self._name, fact, "Do it again once that process has ended.")

    def close(self) -> None:
        """Let go of the file, once who writes has ended. Who reads ends undisturbed. Repeating it does nothing."""
        if os.getpid() != self._process:
            return  # the parent's connections
        with self._turn, self._pool:
            self._closed = True
            for connection in (self._writer, *self._idle):
                with suppress(sqlite3.Error):
                    connection.close()
            self._idle.clear()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what SQLite and the disk raise into an error of ours."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            remedy = _REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _LOOK)
            raise self._error(self._name, f"{self.path} cannot be used: {error}", remedy) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        patiently(connection, "PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
        connection.execute(f"PRAGMA journal_size_limit = {MOST_AHEAD}")
        return connection

    @contextmanager
    def _at_the_writer(self) -> Iterator[sqlite3.Connection]:
        if os.getpid() != self._process:
            self._refuse()  # before its lock, which may have been held at the fork, for ever
        with self._turn, self.told():
            self._refuse()
            yield self._writer

    def _refuse(self) -> None:
        if os.getpid() != self._process:
            raise self._error(self._name, f"{self.path} was opened before this process was forked", "Open it anew.")
        if self._closed:
            raise self._error(self._name, f"{self.path} is closed", "Open it anew.")

    def _bytes_ahead(self) -> int:
        try:
            return self._ahead.stat().st_size
        except OSError:
            return 0

    def _empty(self, patience: float) -> bool:
        """Write what was written ahead to its place, and begin anew; False where somebody reads an old state of it."""
        self._writer.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
        try:
            ((busy, *_),) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._writer.execute("PRAGMA busy_timeout = 0")
        return not busy


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    """Commit at a clean end, roll back otherwise."""
    patiently(connection, begin)
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")


def patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Carry out what other processes may be in the way of.

    SQLite's own waiting sleeps ever longer, up to 0.1 s, and not at all where others make the file: beside a process
    that writes all the time, one would wait for seconds.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_GLANCE)
        else:
            return
