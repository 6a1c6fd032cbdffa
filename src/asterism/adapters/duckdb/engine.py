"""The embedded engine: a DuckDB file, or memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb

from asterism.adapters.duckdb.once import OnceStream
from asterism.adapters.duckdb.reader import DuckDBReader
from asterism.declare.table import Column
from asterism.errors import EngineError, LockedError
from asterism.ports.arrow import ArrowStream

_FULL = re.compile(r"no space left|disk quota|could not write|file too large", re.IGNORECASE)
_CATALOG = "_warehouse"
"""The file is attached by this name, so that no schema of a user's can be mistaken for the file's own name."""


class DuckDBEngine:
    """Implements `Engine`. No key constraints: in DuckDB an index makes scattered updates ten times slower."""

    dialect = "duckdb"
    enforces_keys = False
    makes_tables_apart = False

    def __init__(self, path: Path | None = None, *, memory_limit: str | None = None) -> None:
        self._name = str(path) if path else "the warehouse in memory"
        self._path, self._memory_limit = path, memory_limit
        self._readers: list[DuckDBReader] = []
        self._seen = {"main"}
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._connect()

    def _connect(self) -> None:
        self._connection = duckdb.connect(":memory:")
        self._connection.execute(
            "SET GLOBAL TimeZone = 'UTC'; SET preserve_insertion_order = false; SET checkpoint_threshold = '64MB'"
        )
        # A group of rows goes to the file when it is full. Five would wait for each other, with some 10 MB each.
        self._connection.execute("SET write_buffer_row_group_count = 1")
        # Names that are alike are told to nobody, and to look for them takes some milliseconds.
        self._connection.execute("SET catalog_error_max_schemas = 0")
        # A first few rows in an order are read twice with it: on tables of some thousand rows, and with several who ask
        # at once, that takes twice as long (800 questions a second rather than 1,500).
        self._connection.execute("SET disabled_optimizers = 'late_materialization'")
        if self._memory_limit:
            self._connection.execute("SET memory_limit = $1", [self._memory_limit])
        if self._path is not None:
            self._attach(self._path)
        # No statement here ever needs a file, the network or a Python variable, so none may: batches come as streams.
        self._run(
            "SET python_enable_replacements = false; SET enable_external_access = false; SET lock_configuration = true"
        )

    def _attach(self, path: Path) -> None:
        connection = self._open()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(f"SET temp_directory = {_literal(f'{path}.tmp')}")
            connection.execute(f"ATTACH {_literal(str(path))} AS {_CATALOG}; USE {_CATALOG}")
        except duckdb.IOException as error:
            self.close()
            if "lock" in str(error).lower():
                raise LockedError(str(path), _first_line(error), "Stop the other process, or wait for it.") from error
            raise EngineError(
                str(path), _first_line(error), "Check that the folder can be written and the disk has room."
            ) from error
        except (duckdb.Error, OSError) as error:
            self.close()
            raise EngineError(
                str(path), _first_line(error), "Check that the file is a DuckDB database and can be written."
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Engine.transaction`."""
        self._run("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            # A failed statement may have ended the transaction already.
            with suppress(EngineError):
                self._run("ROLLBACK")
            raise
        try:
            self._run("COMMIT")
        except EngineError:
            with suppress(EngineError):
                self._run("ROLLBACK")
            raise

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See `Engine.execute`."""
        result = self._run(sql, parameters)
        if result.description and [column[0] for column in result.description] == ["Count"]:
            row = result.fetchone()
            return int(row[0]) if row else -1
        return -1

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """See `Engine.later`."""
        self.execute(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Engine.rows`."""
        return self.ask(sql, parameters)[1]

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """See `Engine.ask`."""
        result = self._run(sql, parameters)
        try:
            names, found = tuple(column[0] for column in result.description or ()), result.fetchall()
        except duckdb.Error as error:
            raise _failed(self._name, error, sql) from error
        return names, [tuple(_utc(value) for value in row) for row in found]

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """See `Engine.fetch`."""
        connection = self._open()
        try:
            relation = connection.sql(sql, params=list(parameters)) if parameters else connection.sql(sql)
        except duckdb.Error as error:
            raise _failed(self._name, error, sql) from error
        return OnceStream(relation.__arrow_c_stream__)

    def load(self, table: str, columns: Sequence[Column], data: ArrowStream, *, temporary: bool = False) -> int:
        """See `Engine.load`."""
        connection = self._open()
        target = _quote(table)
        spelled = ", ".join(f"{_quote(column.name)} {column.type}" for column in columns)
        self._run(f"CREATE {'TEMPORARY ' if temporary else ''}TABLE IF NOT EXISTS {target} ({spelled})")
        casts = ", ".join(f"CAST({_quote(column.name)} AS {column.type})" for column in columns)
        names = ", ".join(_quote(column.name) for column in columns)
        connection.register("_incoming", data)
        try:
            return self.execute(f"INSERT INTO {target} ({names}) SELECT {casts} FROM _incoming")
        finally:
            connection.unregister("_incoming")

    def columns(self, table: str) -> tuple[Column, ...]:
        """See `Engine.columns`."""
        schema = table.rpartition(".")[0] or "main"
        own = "SELECT 1 FROM duckdb_schemas() WHERE schema_name = $1 AND database_name IN (current_database(), 'temp')"
        if schema not in self._seen and not self.rows(own, [schema]):
            return ()  # to look for a table of a schema that is not there takes 5 ms
        self._seen.add(schema)
        try:  # Unlike a statement that fails, this ends no transaction, and looks at no other table.
            self._open().table(_quote(table))
        except duckdb.CatalogException:
            return ()
        found = self.rows(f'SELECT name, type, NOT "notnull" FROM pragma_table_info({_literal(_quote(table))})')
        return tuple(Column(*column) for column in found)

    def scrub(self) -> None:
        """See `Engine.scrub`. DuckDB leaves deleted rows in free blocks and in its log: only a copy is without them.

        The copy takes the file's place at once, so that dying anywhere leaves a whole one.
        """
        if self._path is None:
            return
        self._run(f"CHECKPOINT {_CATALOG}")
        self.close()
        fresh = self._path.with_name(f"{self._path.name}.fresh")
        try:
            _copy(self._path, fresh)
            fresh.replace(self._path)
        except (duckdb.Error, OSError) as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            remedy = "Free some disk space and repeat: the file is as it was."
            raise EngineError(self._name, _first_line(error), remedy, unavailable=True) from error
        finally:
            self._connect()

    def reader(self) -> DuckDBReader:
        """See `Engine.reader`."""
        cursor = self._open().cursor()
        if self._path is not None:
            cursor.execute(f"USE {_CATALOG}")
        made = DuckDBReader(cursor, self._name, lambda error, sql: _failed(self._name, error, sql))
        self._readers.append(made)
        return made

    def close(self) -> None:
        """See `Engine.close`."""
        for reader in self._readers:
            reader.close()  # a cursor that is left keeps the file
        self._readers.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """Stop the running statement, from another thread."""
        self._open().interrupt()

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        try:
            return self._open().execute(sql, list(parameters)) if parameters else self._open().execute(sql)
        except duckdb.Error as error:
            raise _failed(self._name, error, sql) from error

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise EngineError(self._name, "the connection is closed", unavailable=True)
        return self._connection


def _copy(stale: Path, fresh: Path) -> None:
    fresh.unlink(missing_ok=True)
    if stale.with_name(f"{stale.name}.wal").exists():
        raise OSError("its log has not been emptied into it")  # and would be taken for the copy's
    with duckdb.connect(":memory:") as copier:
        copier.execute("SET preserve_insertion_order = false")
        copier.execute(f"ATTACH {_literal(str(stale))} AS stale (READ_ONLY)")
        copier.execute(f"ATTACH {_literal(str(fresh))} AS fresh; COPY FROM DATABASE stale TO fresh")


def _failed(name: str, error: duckdb.Error, sql: str) -> EngineError:
    text = _first_line(error)
    if _FULL.search(text):
        return EngineError(name, text, "Free some disk space and repeat: nothing is half done.", unavailable=True)
    if isinstance(error, duckdb.InterruptException):
        return EngineError(name, "the statement was stopped", "Ask again, or for less.", interrupted=True)
    if isinstance(error, duckdb.OutOfMemoryException):
        fact = f"it needs more memory than there is: {text}"
        return EngineError(name, fact, "Ask for less, load in smaller chunks, or give the machine more memory.")
    if isinstance(error, duckdb.IOException | duckdb.FatalException):
        return EngineError(name, text, "Check the disk that the file lies on, and repeat.", unavailable=True)
    return EngineError(name, text, f"The statement was: {sql[:1000]}")


def _first_line(error: BaseException) -> str:
    """The message without the candidates that are listed below it, nor the place in the SQL."""
    lines = takewhile(lambda line: line.strip() and not line.startswith("\t"), str(error).strip().splitlines())
    return "\n".join(lines)


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def _quote(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
