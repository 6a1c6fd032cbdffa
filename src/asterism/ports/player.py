"""Player: the writing side of a simulator, the only part of Asterism that writes to a source."""

from __future__ import annotations

from typing import Any, Protocol

from asterism.declare.simulator import Transaction


class Pending(Protocol):
    """A transaction whose statements have run and which has not ended."""

    rows: int
    """How many rows of parameters its statements were run with."""

    def commit(self) -> None:
        """Make it visible. Called once at most, and nothing after it. Raises `SourceError`."""
        ...

    def rollback(self) -> None:
        """Give it up. Called once at most, and nothing after it."""
        ...


class Player(Protocol):
    """Plays transactions into a database. Used by one thread; several transactions may be pending at once."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one SELECT and answer all its rows: what is committed, numerics as text. Raises `SourceError`."""
        ...

    def begin(self, transaction: Transaction) -> Pending:
        """Run the statements, each once a row of parameters, and leave the transaction pending.

        Raises `SourceError` with the database's message; the transaction is rolled back by then.
        """
        ...

    def close(self) -> None:
        """Roll back what is pending and let go of connections. Repeating it does nothing."""
        ...
