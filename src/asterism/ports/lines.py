"""Lines: JSON lines as columns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from asterism.declare.table import Column
from asterism.ports.arrow import ArrowStream


class Lines(Protocol):
    """Reads JSON lines, and packs those that are landed."""

    def read(self, lines: bytes, columns: Sequence[Column], known: Sequence[str] = ()) -> ArrowStream:
        """The top-level fields of each line as columns; one that a line lacks is NULL; times with an offset as UTC.

        A column `_extra` is made, not read: what the object in the field `_raw` holds beside the fields `known`, NULL
        where that is nothing. Raises `RecordError` where a value does not fit its column.
        """
        ...

    def select(
        self, files: Sequence[Path], columns: Sequence[Column], query: str
    ) -> AbstractContextManager[ArrowStream]:
        """The rows of a SELECT, in DuckDB's dialect, over the table `lines`: local files whose lines are JSON objects.

        It has the top-level fields of `columns`; a file that ends in `.gz` is packed so; a line has 2 MiB at most. Read
        as it is consumed, once, in bounded memory: a value that does not fit raises there. Leaving the context ends it.
        """
        ...

    def pack(self, lines: bytes) -> bytes:
        """Compress, as `.zst`."""
        ...

    def unpack(self, packed: bytes) -> bytes:
        """The lines of a packed object, `.zst` or `.gz`. Raises `LakeError` for one that is damaged."""
        ...
