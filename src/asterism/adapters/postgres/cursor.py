"""The cursor of a PostgreSQL source: what it must remember between two polls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from asterism.adapters.postgres.discovery import Relation
from asterism.adapters.postgres.snapshot import Snapshot

VERSION = 1
_MOST_POLLS = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table was like when it was read: where any of it changes, its rows may differ without a new xmin."""

    oid: int
    files: str
    key: tuple[str, ...]
    columns: dict[str, tuple[str, str]]
    """Type and note of each column."""
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, relation: Relation) -> Shape:
        """The shape of a table as it is now."""
        labels: frozenset[str] = frozenset().union(*(f.labels for f in relation.fields))
        columns = {f.name: (f.type, f.note) for f in relation.fields}
        return cls(relation.oid, relation.files, relation.key, columns, tuple(sorted(labels)))


@dataclass(frozen=True, slots=True)
class Load:
    """An initial load on its way: every table before `table` (by name) is in; of `table`, the keys up to `after`.

    With `whole`, `table` is in as well.
    """

    table: str = ""
    after: tuple[str, ...] | None = None
    """Values of the key, as text."""
    rows: int = 0
    """About how many rows of `table` are in."""
    whole: bool = False
    done: bool = False
    """All rows are in; what is left is the poll that follows."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source has been read. `xmin` is the horizon: rows of older transactions have been seen."""

    system: str
    timeline: int
    database: int
    standby: bool
    xmin: int
    xmax: int
    reconciled: int
    """The horizon of the last reconciliation, which looked at every row."""
    polls: tuple[tuple[str, int], ...] = ()
    """Time and xmax of earlier polls, oldest first: what is since an xmax was written after that time."""
    tables: dict[str, Shape] = field(default_factory=dict)
    load: Load | None = None
    version: int = VERSION

    @classmethod
    def start(cls, snapshot: Snapshot) -> Position:
        """The beginning of an initial load: what commits from here on is for the polls after it."""
        polls = ((snapshot.polled_at.isoformat(), snapshot.xmax),)
        return cls(
            snapshot.system,
            snapshot.timeline,
            snapshot.database,
            snapshot.standby,
            snapshot.xmin,
            snapshot.xmax,
            snapshot.xmin,
            polls,
            load=Load(),
        )

    @classmethod
    def read(cls, cursor: dict[str, Any]) -> Position | None:
        """The position of a cursor; None for the beginning, and for a cursor of a version that is not known."""
        if cursor.get("version") != VERSION:
            return None
        return msgspec.convert(cursor, cls)

    def write(self) -> dict[str, Any]:
        """The cursor: JSON values only."""
        written: dict[str, Any] = msgspec.to_builtins(self)
        return written

    def after(self, snapshot: Snapshot, relations: tuple[Relation, ...], *, reconciled: bool) -> Position:
        """The position once a poll at `snapshot` has been applied."""
        return replace(
            self,
            system=snapshot.system,
            timeline=snapshot.timeline,
            database=snapshot.database,
            standby=snapshot.standby,
            xmin=snapshot.xmin,
            xmax=snapshot.xmax,
            reconciled=snapshot.xmin if reconciled else self.reconciled,
            polls=_thinned((*self.polls, (snapshot.polled_at.isoformat(), snapshot.xmax)), snapshot.xmin),
            tables={relation.name: Shape.of(relation) for relation in relations},
            load=None,
        )

    def written_after(self, lookback: timedelta) -> datetime | None:
        """A time before which no transaction since the horizon can have begun to write, if one is known."""
        earlier = [at for at, xmax in self.polls if xmax <= self.xmin]
        return datetime.fromisoformat(earlier[-1]) - lookback if earlier else None


def _thinned(polls: tuple[tuple[str, int], ...], horizon: int) -> tuple[tuple[str, int], ...]:
    """Drop what no horizon from here on needs; under a transaction that is open for hours, every other one too."""
    latest: dict[int, str] = {xmax: at for at, xmax in polls}
    kept = [(at, xmax) for xmax, at in sorted(latest.items())]
    below = [poll for poll in kept if poll[1] <= horizon]
    kept = [*below[-1:], *kept[len(below) :]]
    while len(kept) > _MOST_POLLS:
        kept = [*kept[:1], *kept[1:-1:2], kept[-1]]
    return tuple(kept)
