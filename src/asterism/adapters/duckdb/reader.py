"""Questions to a DuckDB warehouse: a cursor of the engine's connection, which reads a snapshot of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from asterism.adapters.duckdb.once import OnceStream
from asterism.declare.table import Column
from asterism.errors import EngineError
from asterism.ports.arrow import ArrowStream
from asterism.ports.reader import Explained

_PART = 1000
"""Rows handed over at once."""
_PATIENCE = 0.02

Failed = Callable[[duckdb.Error, str], EngineError]


class DuckDBReader:
    """Implements `Reader`. Statements are kept from writing by who asks them: they are single SELECTs."""

    dialect = "duckdb"

    def __init__(self, cursor: duckdb.DuckDBPyConnection, name: str, failed: Failed) -> None:
        self._cursor = cursor
        self._name = name
        self._failed = failed
        self._busy = threading.Lock()
        self._closed = False

    @property
    def is_open(self) -> bool:
        """See `Reader.is_open`."""
        return not self._closed

    def shape(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Column, ...]:
        """See `Reader.shape`."""
        found = self._run(f"DESCRIBE {sql}", parameters, self._cursor.fetchall)
        return tuple(Column(row[0], row[1]) for row in found)

    def rows(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        columns: Sequence[Column] = (),  # noqa: ARG002 - of the port
    ) -> Iterator[list[tuple[Any, ...]]]:
        """See `Reader.rows`."""
        part = self._run(sql, parameters, lambda: self._cursor.fetchmany(_PART))
        while part:
            yield [tuple(map(_utc, row)) for row in part]
            part = self._run(None, (), lambda: self._cursor.fetchmany(_PART)) if len(part) == _PART else []

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """See `Reader.fetch`."""

        def take() -> object:
            # A relation keeps its values, and runs as the stream is read, part by part.
            relation = self._cursor.sql(sql, params=list(parameters)) if parameters else self._cursor.sql(sql)
            return relation.__arrow_c_stream__()

        return OnceStream(lambda: self._run(None, (), take, sql))

    def explain(self, sql: str, parameters: Sequence[Any] = ()) -> Explained:
        """See `Reader.explain`."""
        found = self._run(f"EXPLAIN {sql}", parameters, self._cursor.fetchall)
        return Explained("\n".join(str(row[-1]).rstrip() for row in found))

    def interrupt(self) -> None:
        """See `Reader.interrupt`."""
        if not self._closed:
            self._cursor.interrupt()

    def close(self) -> None:
        """See `Reader.close`."""
        self._closed = True
        while not self._busy.acquire(timeout=_PATIENCE):
            self._cursor.interrupt()
        try:
            self._cursor.close()
        finally:
            self._busy.release()

    def _run(self, sql: str | None, parameters: Sequence[Any], take: Callable[[], Any], told: str = "") -> Any:
        with self._busy:
            if self._closed:
                raise EngineError(self._name, "the connection is closed", "Ask again.", unavailable=True)
            try:
                if sql is not None:
                    self._cursor.execute(sql, list(parameters)) if parameters else self._cursor.execute(sql)
                return take()
            except duckdb.Error as error:
                raise self._failed(error, sql or told) from error


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value
