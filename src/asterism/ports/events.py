"""Events: records of streams as rows of a wide-column store, found by key and time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from asterism.declare.storing import Storing

Cells = Mapping[str, bytes]
"""Columns of a family: a JSON value each."""


class Place(NamedTuple):
    """Where a record's row is. All of it is the record's own, so a record that comes again finds the same row."""

    key: str
    at: datetime
    """When it happened: naive UTC."""
    id: str


class Event(NamedTuple):
    """A row, as it is read."""

    place: Place
    families: Mapping[str, Cells]
    """The newest version of each column, by family."""


class Events(Protocol):
    """Rows by stream and place. Raises `StateError`. Several threads and processes may use it.

    A family keeps two versions of a column at least.
    """

    def put(self, of: Storing, rows: Sequence[tuple[Place, Cells]]) -> None:
        """Write rows into the stream's own family; return when all of them are durable. May be repeated."""
        ...

    def mark(self, of: Storing, family: str, fence: int, rows: Sequence[tuple[Place, Cells]]) -> list[Place]:
        """Write cells of another family into rows that are there; answer the places where none is: nothing is written.

        Whether a row is there and the writing are one step: what is erased meanwhile does not come back. Cells of a
        lower `fence` than that of those that stand are not seen.
        """
        ...

    def missing(self, of: Storing, places: Sequence[Place]) -> set[Place]:
        """Those of which there is no row."""
        ...

    def read(
        self, of: Storing, key: str, since: datetime | None = None, until: datetime | None = None,
        after: Place | None = None, limit: int = 1000,
    ) -> list[Event]:  # fmt: skip
        """Rows of one key from `since` until before `until` (naive UTC), in the order of time and id.

        `after` goes on beyond a place. `limit` rows at most.
        """
        ...

    def erase(self, of: Storing, places: Collection[Place]) -> None:
        """Remove rows, with all that was written beside them. May be repeated."""
        ...

    def close(self) -> None:
        """Let go of files and connections. Repeating it does nothing."""
        ...
