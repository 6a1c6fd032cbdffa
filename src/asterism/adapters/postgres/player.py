"""The simulator's writing side for PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
from adbc_driver_postgresql import dbapi

from asterism.adapters.postgres.values import converter
from asterism.declare.simulator import Transaction
from asterism.errors import SourceError

_WAIT_FOR_LOCKS = "set lock_timeout = '10s'"
# One thread plays all transactions, so that waiting for one that is held would be for ever.


@dataclass(slots=True)
class PostgresPending:
    """A transaction on a connection of its own; the connection goes back to the player when it ends."""

    player: PostgresPlayer
    connection: dbapi.Connection
    rows: int

    def commit(self) -> None:
        """Commit. Raises `SourceError` where the database refuses: a deferred constraint, a lost connection."""
        try:
            self.connection.commit()
        except dbapi.Error as error:
            self.player.discard(self)
            raise self.player.failure("refused a commit", error) from error
        self.player.recycle(self)

    def rollback(self) -> None:
        """Roll back and throw the connection away."""
        self.player.discard(self)


class PostgresPlayer:
    """Plays a simulator's transactions into the PostgreSQL at `url`. `name` is what errors call the database.

    Values bind by their Python type: int, str, bool, Decimal, date, datetime, None, and lists of these as arrays.
    """

    def __init__(self, url: str, name: str = "the simulated database") -> None:
        self._url = url
        self._name = name
        self._idle: list[dbapi.Connection] = []
        self._pending: list[PostgresPending] = []
        self._values = converter()  # turns Python values into Arrow and back
        self._shapes: dict[int, str] = {}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one SELECT and answer all its rows: what is committed, numerics as text."""
        connection = self._take()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                found = cursor.fetch_arrow()  # DuckDB reads it by its name
                answer = self._values.execute("select * from found").fetchall()
                del found
            connection.rollback()
        except dbapi.Error as error:
            connection.close()
            raise self.failure("refused a question of the simulator", error) from error
        self._idle.append(connection)
        return answer

    def begin(self, transaction: Transaction) -> PostgresPending:
        """Run the statements, each once a row of parameters, and leave the transaction pending."""
        pending = PostgresPending(self, self._take(), 0)
        self._pending.append(pending)
        try:
            with pending.connection.cursor() as cursor:
                for sql, rows in transaction.statements:
                    self._run(cursor, sql, rows)
                    pending.rows += len(rows)
        except (dbapi.Error, duckdb.Error) as error:
            self.discard(pending)
            raise self.failure("refused a statement of the simulator", error) from error
        return pending

    def close(self) -> None:
        """Roll back what is pending and let go of connections."""
        for pending in tuple(self._pending):
            self.discard(pending)
        while self._idle:
            self._idle.pop().close()
        self._values.close()

    def recycle(self, pending: PostgresPending) -> None:
        """Keep the connection of a transaction that ended well."""
        self._pending.remove(pending)
        self._idle.append(pending.connection)

    def discard(self, pending: PostgresPending) -> None:
        """Close the connection of a transaction that did not: that rolls it back."""
        self._pending.remove(pending)
        pending.connection.close()

    def failure(self, fact: str, error: Exception) -> SourceError:
        """Make of `error` what is raised."""
        return SourceError(self._name, f"{fact}: {error}", "see that the simulator fits the database as it is")

    def _take(self) -> dbapi.Connection:
        if self._idle:
            return self._idle.pop()
        try:
            connection = dbapi.connect(self._url)
            with connection.cursor() as cursor:
                cursor.execute(_WAIT_FOR_LOCKS)
            connection.commit()
        except dbapi.Error as error:
            remedy = "see that the server runs and that the URL names it"
            fact = f"cannot be reached for writing: {error}"
            raise SourceError(self._name, fact, remedy, transient=True) from error
        return connection

    def _run(self, cursor: dbapi.Cursor, sql: str, rows: tuple[tuple[Any, ...], ...]) -> None:
        if not rows:
            return
        if not rows[0]:
            for _ in rows:
                cursor.execute(sql)
            return
        width = len(rows[0])
        shape = self._shapes.get(width)
        if shape is None:
            shape = "select " + ", ".join(f"unnest(${place}) as p{place}" for place in range(1, width + 1))
            self._shapes[width] = shape
        columns = [list(column) for column in zip(*rows, strict=True)]
        cursor.executemany(sql, self._values.sql(shape, params=columns))
