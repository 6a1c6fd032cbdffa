"""A DuckDB result as an Arrow stream in small batches, from a database that holds little and puts the rest on disk."""

from __future__ import annotations

from typing import Any

from adbc_driver_duckdb import dbapi  # type: ignore[import-untyped]  # it ships without types

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET memory_limit = '64MB'",
    "SET threads = 1",  # each holds buffers of its own
    "SET preserve_insertion_order = false",
)


class FrugalStream:
    """Implements `ArrowStream`, read once. The query runs when the stream is taken, until `close`.

    It goes through DuckDB's ADBC driver, which hands over 2,048 rows at a time: a relation hands over a million, and
    holds them.
    """

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._connection: Any = None
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
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = dbapi.connect(autocommit=True)
            with self._connection.cursor() as cursor:
                for setting in _SETTINGS:
                    cursor.execute(setting)
            cursor = self._connection.cursor()  # closed with its connection
            cursor.execute(self._sql)
            self._stream = cursor.fetch_arrow()
        return self._stream
