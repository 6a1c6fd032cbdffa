"""Engine: a SQL database that holds the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from asterism.declare.table import Column
from asterism.ports.arrow import ArrowStream
from asterism.ports.reader import Reader


class Engine(Protocol):
    """One connection to the warehouse, used by one thread at a time.

    SQL is in the engine's own dialect with parameters `$1`, `$2` …; translating to it is the caller's work. Statements
    outside `transaction` commit by themselves. Every method raises `EngineError` with the engine's message.
    """

    dialect: str
    """sqlglot's name of the dialect."""
    enforces_keys: bool
    """Whether tables are given primary and foreign keys. False where they would cost more than they give."""

    makes_tables_apart: bool
    """Whether tables are made, changed and dropped outside of its transactions: undone with them, but seen at once, and
    best made before the rows."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit on a clean exit, roll everything back (DDL and temporary tables too) on an exception. Not nested."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; answer the number of rows it touched, or -1 where the engine does not say."""
        ...

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement before any that follows it, and at the latest with the commit: its error may come then.

        For what nobody waits for: where each call takes its time, several go together.
        """
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT whose result is small; Python values, decimals as Decimal, times with a zone as UTC."""
        ...

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """The same with the names of the result's columns before the rows."""
        ...

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """Run one SELECT; stream its result in bounded memory, to be read once and before the next call on this engine.

        Values cast to the columns' types without loss; a decimal may arrive as text.
        """
        ...

    def load(self, table: str, columns: Sequence[Column], data: ArrowStream, *, temporary: bool = False) -> int:
        """Append a stream to `table`, created with `columns` where it does not exist; answer the number of rows.

        The stream's columns are matched by name and cast to `columns`' types: text to a decimal, say. A value that does
        not fit raises; nothing is rounded or cut in silence.
        """
        ...

    def columns(self, table: str) -> tuple[Column, ...]:
        """The columns of a table or view, types in DuckDB's names; empty where there is no such table."""
        ...

    def scrub(self) -> None:
        """Write what is stored anew, so that files hold no bytes of deleted rows. Outside of `transaction`.

        Takes as long as copying it. A server whose files are not ours (PostgreSQL) does nothing: it has its own upkeep.
        """
        ...

    def reader(self) -> Reader:
        """Another connection to the same warehouse, to ask questions on another thread. Closed with this one."""
        ...

    def close(self) -> None:
        """Let go of the connection. Repeating it does nothing."""
        ...


UNBOUND = "DECIMAL(38,10)"
"""What `Engine.columns` says of a decimal that has no bounds in PostgreSQL."""


@runtime_checkable
class Foreseeing(Protocol):
    """An engine that bounds no computed decimal, and can tell which bounds DuckDB would give it."""

    def foresee(self, select: str) -> tuple[Column, ...]:
        """The columns of a SELECT of DuckDB's dialect that reads no table; empty where DuckDB does not take it."""
        ...
