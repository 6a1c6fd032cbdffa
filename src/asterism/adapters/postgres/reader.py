"""Questions to a PostgreSQL warehouse: a session of its own, in which every transaction is read-only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb

from asterism.declare.table import Column
from asterism.ports.arrow import ArrowStream
from asterism.ports.reader import Explained

_PART = 1000
"""Rows handed over at once."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A result whose values DuckDB turns into what they are: `sql`, asked of `decoder`, answers it once."""

    names: tuple[str, ...]
    """Of the columns; empty where the statement has no result."""
    decoder: duckdb.DuckDBPyConnection
    sql: str


class Session(Protocol):
    """What of a `PostgresEngine` is used here."""

    def decoded(
        self, sql: str, parameters: Sequence[Any] = (), kinds: Sequence[str] = ()
    ) -> AbstractContextManager[Decoded]:
        """See `PostgresEngine.decoded`."""
        ...

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """See `Engine.fetch`."""
        ...

    def explain(self, sql: str, parameters: Sequence[Any] = ()) -> str:
        """How one SELECT would be answered."""
        ...

    def foresee(self, select: str) -> tuple[Column, ...]:
        """See `Foreseeing`."""
        ...

    def interrupt(self) -> None:
        """Stop the running statement."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class PostgresReader:
    """Implements `Reader`."""

    def __init__(self, session: Session, dialect: str = "postgres") -> None:
        self.dialect = dialect
        self._session = session
        self._closed = False

    @property
    def is_open(self) -> bool:
        """See `Reader.is_open`."""
        return not self._closed

    def shape(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Column, ...]:
        """See `Reader.shape`."""
        with self._session.decoded(f"SELECT * FROM ({sql}) AS _shape LIMIT 0", parameters) as result:
            types = result.decoder.execute(f"DESCRIBE {result.sql}").fetchall()
            return tuple(Column(name, kind[1]) for name, kind in zip(result.names, types, strict=True))

    def rows(
        self, sql: str, parameters: Sequence[Any] = (), columns: Sequence[Column] = ()
    ) -> Iterator[list[tuple[Any, ...]]]:
        """See `Reader.rows`."""
        with self._session.decoded(sql, parameters, [each.type for each in columns]) as result:
            result.decoder.execute(result.sql)
            while part := result.decoder.fetchmany(_PART):
                yield part

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """See `Reader.fetch`."""
        return self._session.fetch(sql, parameters)

    def foresee(self, select: str) -> tuple[Column, ...]:
        """See `Foreseeing`."""
        return self._session.foresee(select)

    def explain(self, sql: str, parameters: Sequence[Any] = ()) -> Explained:
        """See `Reader.explain`."""
        return Explained(self._session.explain(sql, parameters))

    def interrupt(self) -> None:
        """See `Reader.interrupt`."""
        self._session.interrupt()

    def close(self) -> None:
        """See `Reader.close`."""
        self._closed = True
        self.interrupt()
        self._session.close()
