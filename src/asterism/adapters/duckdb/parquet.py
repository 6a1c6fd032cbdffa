"""Parquet files, written and read by DuckDB."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from adbc_driver_duckdb import dbapi  # type: ignore[import-untyped]  # it ships without types

from asterism.adapters.duckdb.frugal import FrugalStream, frugal, streamed
from asterism.adapters.duckdb.memory import in_memory
from asterism.declare.table import Column
from asterism.errors import LakeError
from asterism.ports.arrow import ArrowStream
from asterism.ports.scratch import scratch


class DuckDBParquet:
    """Implements `Parquet`. Its connection is its own, so that landing never waits for the warehouse."""

    def __init__(self) -> None:
        self._connection = in_memory()
        # On one thread rows stay in their order by themselves, and no batches are kept in memory to put them in it.
        self._connection.execute("SET TimeZone = 'UTC'; SET threads = 1; SET preserve_insertion_order = false")
        self._reading: Any = None

    def write(self, path: Path, columns: Sequence[Column], data: ArrowStream) -> int:
        """See `Parquet.write`."""
        casts = ", ".join(
            f"CAST({_quote(column.name)} AS {column.type}) AS {_quote(column.name)}" for column in columns
        )
        self._connection.register("_incoming", data)
        try:
            row = self._connection.execute(
                f"COPY (SELECT {casts} FROM _incoming) TO '{_escape(path)}' "
                "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
                "ROW_GROUP_SIZE 122880, ROW_GROUP_SIZE_BYTES '8MB', DICTIONARY_SIZE_LIMIT 4096)"
            ).fetchone()
        except (duckdb.Error, OSError) as error:
            path.unlink(missing_ok=True)
            fact = str(error).strip().split("\n\n")[0]
            raise LakeError(str(path), fact, "Free some disk space, or look at the value that is named.") from error
        finally:
            self._connection.unregister("_incoming")
        return int(row[0]) if row else 0

    def read(self, paths: Sequence[Path], columns: Sequence[str] = ()) -> ArrowStream:
        """See `Parquet.read`."""
        listed = ", ".join(f"'{_escape(path)}'" for path in paths)
        chosen = ", ".join(map(_quote, columns)) or "*"
        if self._reading is None:
            self._reading = frugal(scratch())
            weakref.finalize(self, self._reading.close)
        try:
            return streamed(self._reading, f"SELECT {chosen} FROM read_parquet([{listed}], union_by_name = true)")
        except dbapi.Error as error:
            raise LakeError(
                str(paths[0]), str(error).strip().split("\n\n")[0], "The object is damaged: restore it, or pull afresh."
            ) from error

    def describe(self, path: Path) -> tuple[tuple[Column, ...], int]:
        """See `Parquet.describe`."""
        file = f"'{_escape(path)}'"
        try:
            found = self._connection.execute(f"DESCRIBE SELECT * FROM read_parquet({file})").fetchall()
            counted = self._connection.execute(f"SELECT count(*) FROM read_parquet({file})").fetchone()
        except duckdb.Error as error:
            fact = f"it is no Parquet: {str(error).strip().splitlines()[0]}"
            raise LakeError(str(path), fact, "Restore the object.") from error
        return tuple(Column(name, kind) for name, kind, *_ in found), int(counted[0]) if counted else 0

    def ends(self, path: Path, column: str) -> tuple[int, int]:
        """See `Parquet.ends`. It is read off the file's statistics."""
        name = _quote(column)
        sql = f"SELECT min({name}), max({name}) FROM read_parquet('{_escape(path)}')"
        least, greatest = self._connection.cursor().execute(sql).fetchall()[0]
        return int(least), int(greatest)

    @contextmanager
    def select(self, files: Sequence[Path], query: str) -> Iterator[ArrowStream]:
        """See `Parquet.select`."""
        tables = ", ".join(
            f"file_{number} AS NOT MATERIALIZED (SELECT * FROM read_parquet('{_escape(file)}', file_row_number = true))"
            for number, file in enumerate(files)
        )
        stream = FrugalStream(f"WITH {tables} SELECT * FROM ({query})", files[0].parent)
        try:
            yield stream
        finally:
            stream.close()

    def close(self) -> None:
        """Let go of the connection that writes; the one that reads goes with this object."""
        self._connection.close()


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escape(path: Path) -> str:
    return str(path).replace("'", "''")
