"""A DuckDB in memory, beside the warehouse: it reads files and streams, and spills where temporary files belong."""

from __future__ import annotations

import duckdb

from asterism.ports.scratch import scratch


def in_memory() -> duckdb.DuckDBPyConnection:
    """A connection of its own. Times are UTC, rows keep their order, and no folder is made where the user stands."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    connection.execute("SET temp_directory = $1", [str(scratch())])
    return connection
