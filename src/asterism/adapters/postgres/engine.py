"""PostgreSQL as the warehouse, over ADBC. Results are Arrow; DuckDB turns the small ones into Python values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
from adbc_driver_manager import Error as AdbcError
from adbc_driver_postgresql import dbapi

from asterism.adapters.postgres.arrowschema import postgres_types
from asterism.adapters.postgres.failures import driver_error, engine_failure
from asterism.adapters.postgres.reader import Decoded, PostgresReader
from asterism.adapters.postgres.values import AT_ONCE, converter
from asterism.declare.table import Column
from asterism.errors import EngineError, LockedError
from asterism.ports.arrow import ArrowStream
from asterism.ports.engine import UNBOUND

_NAMES = {
    "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT", "real": "FLOAT", "double precision": "DOUBLE",
    "text": "VARCHAR", "boolean": "BOOLEAN", "date": "DATE", "bytea": "BLOB", "uuid": "UUID", "jsonb": "JSON",
    "interval": "INTERVAL", "timestamp without time zone": "TIMESTAMP", "time without time zone": "TIME",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip
"""PostgreSQL's names of types, and DuckDB's."""
_TYPES = {theirs: ours for ours, theirs in _NAMES.items()} | {
    "HUGEINT": "numeric(38,0)", "UBIGINT": "numeric(20,0)", "UINTEGER": "bigint", "USMALLINT": "integer",
    "UTINYINT": "smallint", "TINYINT": "smallint", "TIMESTAMP_S": "timestamp without time zone",
    "TIMESTAMP_MS": "timestamp without time zone", "TIMESTAMP_NS": "timestamp without time zone",
}  # fmt: skip
_NESTED = re.compile(r"(STRUCT|MAP)\(.*|.*\]\[.*\]")
_WIDER = {
    "UINTEGER": "BIGINT", "USMALLINT": "INTEGER", "UTINYINT": "SMALLINT", "TINYINT": "SMALLINT",
    "TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP", "TIMESTAMP_NS": "TIMESTAMP",
    "TIME WITH TIME ZONE": "VARCHAR",
}  # fmt: skip
_DATED = {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
_COPIED = {"SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "BLOB", "TIMESTAMP"}
"""Types that the driver copies into a column of the same type; the others go through a temporary table and a cast."""
_TURN = int.from_bytes(b"asterism")
"""An advisory lock that every transaction holds. A process that is killed leaves a server's process behind, which may
still commit: who connects next waits for it, and then reads a cursor that stays."""
_ALWAYS = ("TimeZone = 'UTC'", "client_min_messages = error", "jit = off", "default_statistics_target = 20")
"""What is analyzed here has just been filled: how large it is matters at once, the rest is autovacuum's to find out."""
_READING = ("default_transaction_read_only = on", "client_connection_check_interval = '1s'")
_ALONE = ("lock_timeout = '60s'", "client_connection_check_interval = '1s'")
_LOCK_TIMEOUT = "55P03"


class PostgresEngine:
    """Implements `Engine`. Tables get primary and foreign keys."""

    dialect = "postgres"
    enforces_keys = True
    makes_tables_apart = False

    def __init__(self, url: str, *, reading: bool = False) -> None:
        """`reading`: it cannot write, and waits for no transaction of another."""
        self._reading = reading
        self._readers: list[PostgresReader] = []
        self._name = re.sub(r"(//[^:/@]*):[^@]*@", r"\1@", url)
        self._decoder = converter()
        self._url = url
        self._closed = False
        self._inside = False
        self._connection: dbapi.Connection | None = self._connect()

    def _connect(self) -> dbapi.Connection:
        try:
            connection = dbapi.connect(self._url, autocommit=True)
            with connection.cursor() as cursor:
                self._prepare(cursor)
        except AdbcError as error:
            if getattr(error, "sqlstate", None) == _LOCK_TIMEOUT:
                fact = "another Asterism has worked in this database for a long time, and still does"
                raise LockedError(self._name, fact, "Wait for it, or stop it.") from error
            raise engine_failure(self._name, self._url, error, "") from error
        return connection

    def _prepare(self, cursor: dbapi.Cursor) -> None:
        """Set up a connection that was opened, and wait until nobody else's transaction is under way."""
        # Compiling a plan to machine code takes longer than most refreshes.
        for setting in (*_ALWAYS, *(_READING if self._reading else _ALONE)):
            cursor.execute(f"SET {setting}")
        if not self._reading:
            cursor.execute(f"SELECT pg_advisory_lock({_TURN}), pg_advisory_unlock({_TURN})")
            cursor.execute("SET lock_timeout = 0")

    def _take_turn(self) -> None:
        """Within a transaction, see that no other of Asterism's is."""
        self.execute(f"SELECT pg_advisory_xact_lock({_TURN})")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Engine.transaction`."""
        # The low-level calls: the connection object's own rollback does nothing where it was opened in autocommit, and
        # switching autocommit on again commits.
        connection = self._open().adbc_connection
        try:
            connection.set_autocommit(False)
            self._inside = True
            self._take_turn()
            yield
            self._open()
            connection.commit()
            connection.set_autocommit(True)
        except BaseException as error:
            try:
                connection.rollback()
                connection.set_autocommit(True)
            except AdbcError:
                self._disconnect()  # whatever the server still holds, it rolls back
            if isinstance(error, AdbcError):
                raise self._failed(error, "COMMIT") from error
            raise
        finally:
            self._inside = False

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See `Engine.execute`."""
        with self._open().cursor() as cursor:
            try:
                cursor.executemany(sql, self._bound(parameters))  # execute() asks for the columns of a result before
            except AdbcError as error:
                raise self._failed(error, sql) from error
            return int(cursor.rowcount)

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """See `Engine.later`."""
        self.execute(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Engine.rows`."""
        return self.ask(sql, parameters)[1]

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """See `Engine.ask`."""
        with self.decoded(sql, parameters, small=True) as result:
            return result.names, result.decoder.execute(result.sql).fetchall() if result.names else []

    @contextmanager
    def decoded(
        self, sql: str, parameters: Sequence[Any] = (), kinds: Sequence[str] = (), *, small: bool = False
    ) -> Iterator[Decoded]:
        """Run one statement. Its result is read once, inside the context: what fails there is told as well.

        `kinds` are the types of its columns, for decimals without bounds. A `small` result comes at once, as PostgreSQL
        answers any SELECT: to stream it by COPY takes three round trips.
        """
        with self._open().cursor() as cursor:
            try:
                if small:
                    cursor.adbc_statement.set_options(**AT_ONCE)
                cursor.execute(sql, self._bound(parameters))
                stream = cursor.fetch_arrow()
                types = postgres_types(stream)
                if not types:
                    yield Decoded((), self._decoder, "")
                    return
                wanted = [*kinds] or [UNBOUND] * len(types)
                casts = [
                    _decoded(place, kind, modifier, wanted[place]) for place, (_, kind, modifier) in enumerate(types)
                ]
                names = ", ".join(f"c{place}" for place in range(len(casts)))
                chosen = ", ".join(f"{cast} AS c{place}" for place, cast in enumerate(casts))
                decoder = self._decoder.cursor()
                decoder.register("_result", stream)
                found = f"SELECT {chosen} FROM _result AS _r({names})"
                yield Decoded(tuple(name for name, *_ in types), decoder, found)
            except AdbcError as error:
                raise self._failed(error, sql) from error
            except duckdb.Error as error:
                if (behind := driver_error(error)) is not None:
                    raise self._failed(behind, sql) from error
                raise EngineError(self._name, _first_line(error), f"The statement was: {sql[:1000]}") from error

    def explain(self, sql: str, parameters: Sequence[Any] = ()) -> str:
        """How one SELECT would be answered, in PostgreSQL's words."""
        with self._open().cursor() as cursor:
            try:
                cursor.adbc_statement.set_options(**AT_ONCE)  # COPY takes no EXPLAIN
                cursor.execute(f"EXPLAIN {sql}", self._bound(parameters))
                decoder = self._decoder.cursor()
                decoder.register("_lines", cursor.fetch_arrow())
                return "\n".join(str(line) for (line,) in decoder.execute("SELECT * FROM _lines").fetchall())
            except AdbcError as error:
                raise self._failed(error, sql) from error

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """See `Engine.fetch`. Decimals are text, as the driver gives them."""
        cursor = self._open().cursor()
        try:
            cursor.execute(sql, self._bound(parameters))
            return _Held(cursor.fetch_arrow(), cursor)
        except AdbcError as error:
            cursor.close()
            raise self._failed(error, sql) from error

    def load(self, table: str, columns: Sequence[Column], data: ArrowStream, *, temporary: bool = False) -> int:
        """See `Engine.load`."""
        target = _quote(table)
        if temporary or not self.columns(table):
            spelled = ", ".join(f"{_quote(column.name)} {_spelled(column.type)}" for column in columns)
            self.execute(f"CREATE {'TEMPORARY ' if temporary else ''}TABLE IF NOT EXISTS {target} ({spelled})")
        direct = all(column.type in _COPIED or column.type.startswith("DECIMAL") for column in columns)
        decoder = self._decoder.cursor()
        decoder.register("_incoming", data)
        casts = ", ".join(f"{_cast(column)} AS {_quote(column.name)}" for column in columns)
        schema, _, name = table.rpartition(".")
        with self._open().cursor() as cursor:
            try:
                relation = decoder.sql(f"SELECT {casts} FROM _incoming")
                if direct:
                    mode = {"temporary": True} if temporary else {"db_schema_name": schema or None}
                    return int(cursor.adbc_ingest(name, relation, mode="append", **mode))
                cursor.execute("DROP TABLE IF EXISTS pg_temp._incoming")
                count = int(cursor.adbc_ingest("_incoming", relation, mode="create", temporary=True))
            except AdbcError as error:
                raise self._failed(error, f"COPY {table}") from error
            except duckdb.Error as error:
                raise EngineError(self._name, _first_line(error), f"A value does not fit {table}.") from error
        names = ", ".join(_quote(column.name) for column in columns)
        back = ", ".join(f"CAST({_quote(column.name)} AS {_spelled(column.type)})" for column in columns)
        self.execute(f"INSERT INTO {target} ({names}) SELECT {back} FROM pg_temp._incoming")
        self.execute("DROP TABLE pg_temp._incoming")
        return count

    def columns(self, table: str) -> tuple[Column, ...]:
        """See `Engine.columns`."""
        found = self.rows(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)::text, NOT a.attnotnull, "
            "coalesce(col_description(a.attrelid, a.attnum), '')::text FROM pg_attribute a "
            "WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            [_quote(table)],
        )
        return tuple(Column(name, _named(kind), bool(nullable), comment) for name, kind, nullable, comment in found)

    def foresee(self, select: str) -> tuple[Column, ...]:
        """See `Foreseeing`."""
        try:
            found = self._decoder.cursor().execute(f"DESCRIBE {select}").fetchall()
        except duckdb.Error:
            return ()
        return tuple(Column(name, kind) for name, kind, *_ in found)

    def scrub(self) -> None:
        """See `Engine.scrub`."""

    def reader(self) -> PostgresReader:
        """See `Engine.reader`."""
        self._open()
        made = PostgresReader(PostgresEngine(self._url, reading=True))
        self._readers.append(made)
        return made

    def close(self) -> None:
        """See `Engine.close`."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._closed = True
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(AdbcError, RuntimeError):
                self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """Stop the running statement, from another thread."""
        if self._connection is not None:
            with suppress(AdbcError):  # nothing runs, or the server is gone
                self._connection.adbc_cancel()

    def _bound(self, parameters: Sequence[Any]) -> duckdb.DuckDBPyRelation | None:
        if not parameters:
            return None
        columns = ", ".join(f"${place} AS p{place}" for place in range(1, len(parameters) + 1))
        return self._decoder.cursor().sql(f"SELECT {columns}", params=list(parameters))

    def _open(self) -> dbapi.Connection:
        if self._closed:
            raise EngineError(self._name, "the connection is closed", unavailable=True)
        if self._connection is None:
            if self._inside:
                # A new connection would work outside the transaction, and commit at once.
                fact = "the connection was lost in a transaction"
                raise EngineError(self._name, fact, "Repeat it: nothing is half done.", unavailable=True)
            self._connection = self._connect()
        return self._connection

    def _failed(self, error: BaseException, sql: str) -> EngineError:
        state = getattr(error, "sqlstate", None) or ""
        if "canceling statement due to user request" in str(error):
            return EngineError(self._name, "the statement was stopped", "Ask again, or for less.", interrupted=True)
        if not state or state.startswith(("08", "57P")):
            self._disconnect()  # the server went away: the next statement connects anew
        return engine_failure(self._name, self._url, error, sql)


class _Held:
    """A stream that keeps its cursor while it is read, and closes it then."""

    def __init__(self, stream: Any, cursor: dbapi.Cursor) -> None:
        self._stream = stream
        self._cursor = cursor

    def __arrow_c_schema__(self) -> object:
        return self._stream.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._stream.__arrow_c_stream__()

    def __del__(self) -> None:
        with suppress(Exception):
            self._stream.release()
            self._cursor.close()


def _decoded(place: int, kind: str, modifier: int, wanted: str) -> str:
    column = f"c{place}"
    if kind == "numeric":
        # Without a modifier nothing is known but that a sum or a product must not lose its digits.
        return f"CAST({column} AS DECIMAL({_precision(modifier)}))" if modifier > 0 else _loose_decimal(column, wanted)
    return column


def _loose_decimal(column: str, wanted: str) -> str:
    return f"CASE WHEN {column} = 'NaN' THEN NULL ELSE CAST({column} AS {wanted}) END"


def _precision(modifier: int) -> str:
    return f"{((modifier - 4) >> 16) & 0xFFFF},{(modifier - 4) & 0x7FF}"


def _named(kind: str) -> str:
    """DuckDB's name of a type that format_type wrote."""
    if kind.endswith("[]"):
        return f"{_named(kind[:-2])}[]"
    if kind == "numeric":
        return "DECIMAL(38,10)"
    if kind.startswith("numeric"):
        return kind.replace("numeric", "DECIMAL")
    return _NAMES.get(re.sub(r"\(\d+\)", "", kind), "VARCHAR")


def _spelled(kind: str) -> str:
    """PostgreSQL's name of a type that DuckDB names."""
    if _NESTED.fullmatch(kind):
        return "jsonb"
    if kind.endswith("[]"):
        return f"{_spelled(kind[:-2])}[]"
    if kind.startswith("DECIMAL"):
        return kind.replace("DECIMAL", "numeric")
    return _TYPES.get(kind, "text")


def _cast(column: Column) -> str:
    """The value of a column as it travels."""
    name = _quote(column.name)
    if _NESTED.fullmatch(column.type):
        name = f"to_json({name})"
    elif column.type in _DATED:  # the driver writes one infinity as a day in the year 294247, and cannot the others
        name = f"if(isinf({name}), error({_text(f'{column.name} is infinite')}), {name})"
    return f"CAST({name} AS {_carried(column.type)})"


def _carried(kind: str) -> str:
    """The type in which a column travels to PostgreSQL."""
    is_text = kind in ("JSON", "UUID", "INTERVAL", "HUGEINT", "UBIGINT") or _NESTED.fullmatch(kind)
    return "VARCHAR" if is_text else _WIDER.get(kind, kind)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n\n")[0]


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quote(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
