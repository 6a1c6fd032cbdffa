"""The files source conforms to the Source port: two of them, so that there are two tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.files.source import FilesSource
from asterism.adapters.files.store import Store
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.conform.source import SOURCE_EXERCISES, Origin
from asterism.declare.table import Table
from asterism.ports.source import Answer, Batch, Cursor
from asterism.sources import Files

_TYPES = {
    "things": 'id INTEGER, name VARCHAR, amount DECIMAL(10,2), "at" TIMESTAMP',
    "parts": "thing INTEGER, label VARCHAR, count BIGINT",
}
_KEYS = {"things": ("id",), "parts": ("thing", "label")}


class Both:
    """Two sources as one: the second is asked once the first has no more to load."""

    def __init__(self, sources: dict[str, FilesSource]) -> None:
        self.sources = sources

    def describe(self) -> tuple[Table, ...]:
        return tuple(_plain(table) for source in self.sources.values() for table in source.describe())

    @contextmanager
    def pull(self, cursor: Cursor, **_reconcile: bool) -> Iterator[Answer]:
        things, parts = self.sources["things"], self.sources["parts"]
        with things.pull(cursor.get("things", {})) as first:
            if not first.complete:
                yield replace(first, batches=_batches(first), cursor=cursor | {"things": first.cursor})
                return
            if cursor == {} or cursor["things"].get("loading"):
                yield replace(first, batches=_batches(first), cursor=cursor | {"things": first.cursor}, complete=False)
                return
            with parts.pull(cursor.get("parts", {})) as second:
                both = (each for answer in (first, second) for each in _batches(answer))
                yield replace(second, batches=both, cursor={"things": first.cursor, "parts": second.cursor})

    @contextmanager
    def everything(self) -> Iterator[Answer]:
        with self.sources["things"].everything() as answer:
            yield answer

    def estimate(self, cursor: Cursor) -> int | None:
        found = [source.estimate(cursor.get(name, {})) for name, source in self.sources.items()]
        return None if all(each is None for each in found) else sum(each or 0 for each in found)

    def close(self) -> None:
        for source in self.sources.values():
            source.close()


def _plain(table: Table) -> Table:
    """Without the columns that say where a row came from."""
    return replace(table, columns=tuple(column for column in table.columns if not column.name.startswith("_")))


def _batches(answer: Answer) -> Iterator[Batch]:
    return (replace(batch, table=_plain(batch.table)) for batch in answer.batches)


class FilesOrigin:
    finds_deletions = False
    one_snapshot = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = 0
        self.sources: list[Both] = []
        for table in _TYPES:
            (folder / table).mkdir()
            self.write(table, [])

    def source(self, chunk_rows: int = 1000) -> Both:
        lake = ObstoreLake((self.folder / "lake").as_uri())

        def one(table: str) -> FilesSource:
            url = (self.folder / table).as_uri()
            declared = Files(url, "*.parquet", table, key=_KEYS[table], format="parquet", chunk_rows=chunk_rows)
            store = Store(url, declared.pattern, "origin", pause=lambda _: None)
            return FilesSource(declared, "origin", lake, DuckDBLines(), DuckDBParquet(), print, store=store)

        self.sources.append(Both({table: one(table) for table in _TYPES}))
        return self.sources[-1]

    def write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self.written += 1
        file = self.folder / table / f"{self.written:04}.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE t ({_TYPES[table]})")
            if rows:
                connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' for _ in rows[0])})", rows)
            connection.execute(f"COPY t TO '{file}.new' (FORMAT parquet)")
        Path(f"{file}.new").replace(file)

    def delete(self, table: str, keys: Sequence[tuple[Any, ...]]) -> None:
        """Nothing is deleted from files."""


@pytest.mark.parametrize("exercise", SOURCE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_the_source_conforms(exercise: Callable[[Origin], None], tmp_path: Path) -> None:
    origin = FilesOrigin(tmp_path)
    exercise(origin)
    for source in origin.sources:
        source.close()
