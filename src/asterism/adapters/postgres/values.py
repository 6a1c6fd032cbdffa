"""A DuckDB that turns Arrow into Python's values and back."""

from __future__ import annotations

import atexit
import functools

import duckdb

AT_ONCE = {"adbc.postgresql.use_copy": "false"}
"""Options of a driver's statement whose few values come at once: it streams by COPY, in three round trips, without."""


def converter() -> duckdb.DuckDBPyConnection:
    """A connection of its own to one that all in this process share: to make one takes longer than most of its work."""
    connection = _shared().cursor()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@functools.cache
def _shared() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


@atexit.register
def _forget() -> None:
    _shared.cache_clear()  # what is left when Python ends is told as leaked
