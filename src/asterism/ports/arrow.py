"""Arrow at the borders: the PyCapsule interface, so that no side needs the other's library."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class ArrowStream(Protocol):
    """Record batches, read once. Both DuckDB relations and ADBC results are such."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the stream over as a PyCapsule named `arrow_array_stream`."""
        ...
