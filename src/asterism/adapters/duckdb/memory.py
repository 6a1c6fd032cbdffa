"""A DuckDB in memory, beside the warehouse: it reads files and streams, and spills where temporary files belong."""

from __future__ import annotations

import atexit
import functools

import duckdb

from asterism.ports.scratch import scratch


def shared() -> duckdb.DuckDBPyConnection:
    """A connection of its own to one that all in this process share, and whose settings nobody changes.

    To make a DuckDB takes longer than most of what is asked of one: all its functions are written down in it.
    """
    connection = _shared().cursor()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@functools.cache
def _shared() -> duckdb.DuckDBPyConnection:
    return in_memory()


@atexit.register
def _forget() -> None:
    _shared.cache_clear()  # what is left when Python ends is told as leaked


def in_memory() -> duckdb.DuckDBPyConnection:
    """A connection of its own. Times are UTC, rows keep their order, and no folder is made where the user stands."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    connection.execute("SET temp_directory = $1", [str(scratch())])
    return connection
