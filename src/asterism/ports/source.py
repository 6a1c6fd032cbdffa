"""Source: something that can say what changed since a cursor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable

from asterism.declare.table import Table
from asterism.ports.arrow import ArrowStream

Cursor = dict[str, Any]
"""A source's own note of how far it has been read: JSON values only, opaque to everyone else. `{}` is the beginning."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table as they are now.

    `rows` is a stream of complete rows whose columns are the table's, in order, as types that cast to the table's
    without loss. `keys`, where given, is a stream of **all** keys that exist at the source (columns: the table's key):
    what the warehouse holds beside them has been deleted. Each stream is read once, `rows` before `keys`, before the
    next batch is asked for.
    """

    table: Table
    rows: ArrowStream
    keys: ArrowStream | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call of `pull` found, all of it in one snapshot of the source."""

    polled_at: datetime
    """The source's clock when the snapshot was taken, naive UTC."""
    batches: Iterator[Batch]
    """Lazy: each batch is read from the source as it is consumed."""
    cursor: Cursor
    """Where the next pull begins, once everything here has been applied."""
    complete: bool
    """False while an initial load has further chunks: pull again at once; stars are refreshed when it is True."""
    notices: tuple[str, ...] = ()
    """What a person should know: a column that appeared, a type that changed, a full reconciliation and why."""


class Source(Protocol):
    """A source of tables with keys. Reads only. Raises `SourceError`, `transient` where a retry may help."""

    def describe(self) -> tuple[Table, ...]:
        """The tables that would be pulled, with columns and keys. A table without a key raises, with the remedy."""
        ...

    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> AbstractContextManager[Answer]:
        """Open a snapshot and answer what changed since `cursor`; leaving the context lets the snapshot go.

        Rows that changed since the cursor are answered at least once, perhaps again in the next answer. With
        `reconcile`, every batch carries `keys`. The source also reconciles by itself where its cursor can no longer be
        trusted (it was restored, or failed over), and once right after an initial load that the source changed under.
        Raises AgainError, on leaving, where the same answer has to be asked for once more.
        """
        ...

    def everything(self) -> AbstractContextManager[Answer]:
        """Every row of every table in one snapshot, to compare with; its cursor means nothing."""
        ...

    def estimate(self, cursor: Cursor) -> int | None:
        """About how many rows an initial load has still to read, for a progress bar; None where there is none to do."""
        ...

    def close(self) -> None:
        """Let go of connections. Repeating it does nothing."""
        ...


@runtime_checkable
class Notified(Protocol):
    """A source that can be told what changed, and then looks there alone."""

    def told(self, notice: bytes) -> bool:
        """Take a notification, as the source's own service sends it; answer whether it is of this source.

        The next pull finds what it names. One that cannot be read is of no source, and one that never comes is made
        up for by a later pull.
        """
        ...


@runtime_checkable
class Dated(Protocol):
    """A source whose rows belong to days (UTC), each of which can be asked for again."""

    def last_day(self) -> date:
        """The last day that is whole by now."""
        ...

    def day(self, day: date, cursor: Cursor) -> AbstractContextManager[Answer]:
        """All rows of a day, as a complete answer; its cursor is the one given. As `Source.pull` otherwise."""
        ...
