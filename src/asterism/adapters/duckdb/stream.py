"""A DuckDB result as an Arrow stream and nothing else, so that another connection can read it."""

from __future__ import annotations

import duckdb


class RelationStream:
    """Implements `ArrowStream`. The relation runs when the stream is taken."""

    def __init__(self, relation: duckdb.DuckDBPyRelation) -> None:
        self._relation = relation

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """See `ArrowStream`."""
        return self._relation.__arrow_c_stream__(requested_schema)
