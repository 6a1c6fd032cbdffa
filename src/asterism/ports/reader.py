"""Reader: questions to the warehouse beside its writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from asterism.declare.table import Column
from asterism.ports.arrow import ArrowStream


@dataclass(frozen=True, slots=True)
class Explained:
    """How a question would be answered: the engine's own words, and the bytes it would read, where they are billed."""

    plan: str
    bytes: int | None = None


class Reader(Protocol):
    """A connection of its own to a warehouse, that cannot write. Used by one thread at a time, but for `interrupt`.

    Each question sees one committed moment, waits for no transaction of the engine and holds none up. SQL is in the
    engine's dialect. Every method raises `EngineError`, `interrupted` where `interrupt` was the reason.
    """

    dialect: str
    """sqlglot's name of the dialect."""

    @property
    def is_open(self) -> bool:
        """Whether it may be asked; one that was closed never is again."""
        ...

    def shape(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Column, ...]:
        """The columns of a SELECT's result, types in DuckDB's names, without running it."""
        ...

    def rows(
        self, sql: str, parameters: Sequence[Any] = (), columns: Sequence[Column] = ()
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Run one SELECT; its rows in parts, Python values as of `Engine.rows`, to the end or until it is closed.

        `columns`, where given, are those of `shape`, but that a decimal without bounds has the type that is wanted.
        """
        ...

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """Run one SELECT; see `Engine.fetch`."""
        ...

    def explain(self, sql: str, parameters: Sequence[Any] = ()) -> Explained:
        """How one SELECT would be answered, without running it."""
        ...

    def interrupt(self) -> None:
        """Stop the question that runs, from another thread; where none runs, nothing happens."""
        ...

    def close(self) -> None:
        """Let go of the connection; what runs is stopped. Repeating it does nothing."""
        ...
