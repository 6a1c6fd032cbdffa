"""DuckDB results as Arrow streams in small batches, from a database that holds little and puts the rest on disk.

They go through DuckDB's ADBC driver, which hands over 2,048 rows at a time: a relation hands over a million, and holds
them.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from adbc_driver_duckdb import dbapi  # type: ignore[import-untyped]  # it ships without types

from asterism.ports.arrow import ArrowStream

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET memory_limit = '1GB'",  # most days take a tenth; batches of long lines take more
    "SET threads = 1",  # each holds buffers of its own
    "SET preserve_insertion_order = false",
    "SET streaming_buffer_size = '1MB'",  # rows that nobody has asked for yet
)


class FrugalStream:
    """Implements `ArrowStream`, read once. The query runs when the stream is taken, until `close`.

    What is too much is put into files in `folder`.
    """

    def __init__(self, sql: str, folder: Path) -> None:
        self._sql = sql
        self._folder = folder
        self._made = ExitStack()
        self._stream: Any = None

    def __arrow_c_schema__(self) -> object:
        """Hand the schema over without reading."""
        return self._open().__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """See `ArrowStream`."""
        return self._open().__arrow_c_stream__(requested_schema)

    def close(self) -> None:
        """Let go of the database. Repeating it does nothing."""
        self._stream = None
        self._made.close()

    def _open(self) -> Any:
        if self._stream is None:
            self._stream = streamed(self._made.enter_context(frugal(self._folder)), self._sql)
        return self._stream


def frugal(folder: Path) -> Any:
    """A connection, of ADBC, to a database of its own."""
    connection = dbapi.connect(autocommit=True)
    spilled = str(folder).replace("'", "''")
    with connection.cursor() as cursor:
        for setting in (*_SETTINGS, f"SET temp_directory = '{spilled}'"):
            cursor.execute(setting)
    return connection


def streamed(connection: Any, sql: str) -> ArrowStream:
    """A result, read before the connection is asked anything else."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        stream: ArrowStream = cursor.fetch_arrow()
        return stream
