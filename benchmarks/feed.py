"""A source made of SELECTs that DuckDB runs, where the database that changes is not what is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta

import duckdb

from asterism.adapters.duckdb.once import OnceStream
from asterism.declare.source import Postgres, Pull
from asterism.declare.table import Column, Table
from asterism.ports.source import Answer, Batch, Cursor
from benchmarks.rows import TABLES

PULL = Pull(Postgres("feed"), "totesys", every=timedelta(days=1), reconcile=timedelta(days=365))


class Feed:
    """Implements `Source`: each pull answers what was given since the last one."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._given: Mapping[str, str] = {}
        self._whole = True
        self._polls = 0

    def give(self, selects: Mapping[str, str], *, initial: bool = False) -> None:
        """Answer these rows next, by table; `initial` ones are a chunk of an initial load."""
        self._given, self._whole = selects, not initial

    def describe(self) -> tuple[Table, ...]:
        """See `Source.describe`."""
        return tuple(_table(name) for name in TABLES)

    @contextmanager
    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> Iterator[Answer]:  # noqa: ARG002  as the port says
        """See `Source.pull`."""
        given, whole = self._given, self._whole
        self._given, self._whole = {}, True
        self._polls += 1
        asked = {name: self._connection.sql(sql) for name, sql in given.items()}
        batches = (Batch(_table(name), OnceStream(rows.__arrow_c_stream__)) for name, rows in asked.items())
        yield Answer(datetime(2025, 1, 1) + timedelta(seconds=self._polls), batches, {"polls": self._polls}, whole)

    def everything(self) -> AbstractContextManager[Answer]:
        """See `Source.everything`. Nobody compares with a feed."""
        raise NotImplementedError

    def estimate(self, cursor: Cursor) -> int | None:  # noqa: ARG002  as the port says
        """See `Source.estimate`."""
        return None

    def close(self) -> None:
        """See `Source.close`."""
        self._connection.close()


def _table(name: str) -> Table:
    columns = tuple(Column(column, kind) for column, kind in TABLES[name].items())
    return Table(f"totesys.{name}", columns, (columns[0].name,))
