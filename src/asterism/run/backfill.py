"""Backfill: ask a source for days again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta

from asterism.declare.source import Pull
from asterism.declare.table import Table
from asterism.errors import UsageError
from asterism.ports.parquet import Parquet
from asterism.ports.source import Answer, Cursor, Dated, Source
from asterism.run.pull import Pulled, Turn, pull_apart
from asterism.run.warehouse import Progress, Warehouse, silent


@dataclass(frozen=True, slots=True)
class _Day:
    """A source that answers with one day, and leaves the cursor where it is."""

    source: Source
    dated: Dated
    wanted: date

    def describe(self) -> tuple[Table, ...]:
        return self.source.describe()

    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> AbstractContextManager[Answer]:  # noqa: ARG002 - of the port
        return self.dated.day(self.wanted, cursor)

    def everything(self) -> AbstractContextManager[Answer]:
        return self.source.everything()

    def estimate(self, cursor: Cursor) -> int | None:
        return self.source.estimate(cursor)

    def close(self) -> None:
        """The source lives on."""


def backfill(
    warehouse: Warehouse, declared: Pull, source: Source, first: date, last: date, turn: Turn, parquet: Parquet,
    progress: Progress = silent,
) -> Iterator[Pulled]:  # fmt: skip
    """Pull the days from `first` to `last` again, oldest first; each is committed before the next, cursor unmoved.

    Each is landed as any batch, so `rebuild` replays it. Exact: what is there and equal is left alone. Nothing is
    deleted. `turn` and `parquet` are those of `pull_apart`. Raises UsageError, before anything is asked for, where the
    source knows no days or they have not ended, and as `pull`.
    """
    if not isinstance(source, Dated):
        raise UsageError(declared.into, "is a source that knows no days", "`asterism pull` brings it up to date.")
    if first > last:
        raise UsageError("backfill", f"ends on {last}, before it starts on {first}", "Give --start the earlier day.")
    if last > (whole := source.last_day()):
        raise UsageError("backfill", f"asks for {last}, which is not whole yet", f"The last whole day is {whole}.")
    count = (last - first).days + 1
    for number in range(count):
        day = first + timedelta(days=number)
        progress(f"backfilling {declared.into} {day}", number, count)
        yield pull_apart(warehouse, declared, _Day(source, source, day), turn, parquet)
