"""A connection to a PostgreSQL that is read: snapshots, small questions, long streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import msgspec
from adbc_driver_postgresql import dbapi

from asterism.adapters.postgres.failures import driver_error, failure
from asterism.adapters.postgres.values import AT_ONCE, converter
from asterism.errors import SourceError

_BEGIN = "begin isolation level repeatable read read only; set local lock_timeout = '30s'"
_MAY_IDENTIFY = """
select has_function_privilege('pg_control_system()', 'execute')
   and has_function_privilege('pg_control_checkpoint()', 'execute')
"""
_BATCH_BYTES = str(2 * 1024 * 1024)
# The driver's own 16 MiB read no faster, and several batches are under way at once.
_DEFAULTS = {
    "client_encoding": "UTF8",  # Arrow's
    "connect_timeout": "10",
    "keepalives_idle": "30",  # a peer that vanished is noticed within a minute, not within two hours
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "fallback_application_name": "asterism",
}
_PATIENCE = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "60000"}
"""Of a server that is written to: a host that has gone silent is given up after a minute."""


class Session:
    """One connection, opened when it is needed and kept between polls. `name` is what errors call the source."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: dbapi.Connection | None = None
        self._identifies: bool | None = None
        self._inside = False
        self._failed: SourceError | None = None  # told once more where a reader hid it in an error of its own
        self._streams: list[Stream] = []
        self._values = converter()  # turns small Arrow results into Python values, and parameters into Arrow

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One REPEATABLE READ, READ ONLY transaction; its snapshot is taken by the first question in it.

        An error of the database becomes a `SourceError`, also one that the reader of a stream met. After any error the
        connection is let go of, and whatever is half read with it. Within a snapshot, it is that snapshot.
        """
        if self._inside:
            yield
            return
        self._begin()
        self._inside = True
        try:
            yield
            self._release()
            self.execute("commit")
        except BaseException as error:
            self.disconnect()
            if self._failed is not None and not isinstance(error, SourceError):
                raise self._failed from error
            if not isinstance(error, SourceError) and (behind := driver_error(error)) is not None:
                raise failure(self._name, self._url, behind) from error
            raise
        finally:
            self._inside = False
            self._failed = None

    def execute(self, sql: str) -> None:
        """Run statements that answer nothing."""
        try:
            with self._connect().cursor() as cursor:
                cursor.executemany(sql, None)  # execute() asks for the columns of a result before
        except dbapi.Error as error:
            raise failure(self._name, self._url, error) from error

    @property
    def identifies(self) -> bool:
        """Whether the role may ask which cluster this is: some hosts forbid it."""
        if self._identifies is None:
            self._identifies = bool(self.rows(_MAY_IDENTIFY)[0][0])
        return self._identifies

    def rows(self, sql: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small result. Parameters are text, `$1` and on."""
        return self._ask(sql, parameters)[1]

    def described(self, sql: str, parameters: Sequence[str] = ()) -> list[dict[str, Any]]:
        """All rows of a small result, values by column."""
        names, rows = self._ask(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _ask(self, sql: str, parameters: Sequence[str] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            with self._connect().cursor() as cursor:
                # By COPY, as streams come, it takes three round trips, and is planned twice; nor is EXPLAIN taken.
                cursor.adbc_statement.set_options(**AT_ONCE)
                cursor.execute(sql, parameters=self._bound(parameters) if parameters else None)
                answer = self._values.from_arrow(cursor.fetch_arrow())
                return list(answer.columns), answer.fetchall()
        except (dbapi.Error, duckdb.Error) as error:
            raise failure(self._name, self._url, error) from error

    def expected(self, sql: str) -> int:
        """How many rows PostgreSQL expects of a SELECT."""
        plan = self._ask(f"explain (format json) {sql}")[1][0][0]
        return int(msgspec.json.decode(plan)[0]["Plan"]["Plan Rows"])

    def set(self, settings: Mapping[str, str]) -> None:
        """Give settings of ours to the transaction. Queries refer to them, as a COPY takes no parameters."""
        if settings:
            calls = ", ".join(f"set_config('{name}', ${n}, true)" for n, name in enumerate(settings, 1))
            self.rows(f"select {calls}", tuple(settings.values()))

    def restart(self) -> None:
        """End the transaction, failed or not, and begin another."""
        self.execute("rollback")
        self.execute(_BEGIN)

    def stream(self, sql: str) -> Stream:
        """A result of any length, asked for when it is first read; the one before it must have been read by then."""
        return Stream(self, sql)

    def open(self, stream: Stream) -> Any:
        """Begin a stream: for `Stream` only."""
        self._release()
        cursor = self._connect().cursor()
        try:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
            cursor.execute(stream.sql)
            self._streams.append(stream)
            return cursor, cursor.fetch_arrow()
        except dbapi.Error as error:
            cursor.close()
            self._failed = failure(self._name, self._url, error)
            raise self._failed from error

    def disconnect(self) -> None:
        """Drop the connection; the next question opens another."""
        with suppress(dbapi.Error, RuntimeError):
            self._release()
        if self._connection is not None:
            with suppress(dbapi.Error, RuntimeError):
                self._connection.close()
        self._connection = None

    def close(self) -> None:
        """Let go of everything. Repeating it does nothing."""
        self.disconnect()

    def _begin(self) -> None:
        """Begin; a connection that died since the last poll is replaced once, quietly."""
        fresh = self._connection is None
        try:
            self.execute(_BEGIN)
        except SourceError:
            self.disconnect()
            if fresh:
                raise
            self.execute(_BEGIN)

    def _connect(self) -> dbapi.Connection:
        if self._connection is None:
            try:
                self._connection = dbapi.connect(_completed(self._url, _DEFAULTS), autocommit=True)
            except dbapi.Error as error:
                raise failure(self._name, self._url, error) from error
        return self._connection

    def _release(self) -> None:
        for stream in self._streams:
            stream.release()
        self._streams.clear()

    def _bound(self, parameters: Sequence[str]) -> duckdb.DuckDBPyRelation:
        columns = ", ".join(f"${number}::varchar as p{number}" for number in range(1, len(parameters) + 1))
        return self._values.cursor().sql(f"select {columns}", params=list(parameters))


class Stream:
    """An Arrow stream that runs its query when it is first looked at. Read once."""

    def __init__(self, session: Session, sql: str) -> None:
        self.sql = sql
        self._session = session
        self._opened: Any = None

    def __arrow_c_schema__(self) -> object:
        """Hand the schema over without reading."""
        return self._open().__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the stream over. The driver casts nothing, so a requested schema is left to the reader."""
        return self._open().__arrow_c_stream__()

    def release(self) -> None:
        """Let go of what has not been read."""
        if self._opened is not None:
            cursor, handle = self._opened
            handle.release()
            cursor.close()

    def _open(self) -> Any:
        if self._opened is None:
            self._opened = self._session.open(self)
        return self._opened[1]


def patient(url: str) -> str:
    """The URL of a server that is written to, with what it does not say itself."""
    return _completed(url, _PATIENCE)


def _completed(url: str, settings: Mapping[str, str]) -> str:
    """The URL, with those of the settings that it does not say itself."""
    missing = "&".join(f"{name}={value}" for name, value in settings.items() if f"{name}=" not in url)
    return f"{url}{'&' if '?' in url else '?'}{missing}" if missing and "://" in url else url
