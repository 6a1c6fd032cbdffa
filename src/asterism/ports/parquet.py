"""Parquet: the lossless form in which batches are landed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from asterism.declare.table import Column
from asterism.ports.arrow import ArrowStream


class Parquet(Protocol):
    """Reads and writes Parquet files on the local disk, in bounded memory."""

    def write(self, path: Path, columns: Sequence[Column], data: ArrowStream) -> int:
        """Write a stream, cast to `columns`, to `path`; answer its rows. Raises `LakeError`, leaving no file."""
        ...

    def read(self, paths: Sequence[Path], columns: Sequence[str] = ()) -> ArrowStream:
        """Stream files of one shape, all columns or some; a column that an older file lacks is NULL.

        The stream is read before the next one is asked for. Raises `LakeError` for what is no Parquet.
        """
        ...

    def describe(self, path: Path) -> tuple[tuple[Column, ...], int]:
        """The columns of a file, and how many rows it has. Raises LakeError for what is no Parquet."""
        ...

    def ends(self, path: Path, column: str) -> tuple[int, int]:
        """The least and the greatest value of a column of whole numbers, in a file that has rows."""
        ...

    def select(self, files: Sequence[Path], query: str) -> AbstractContextManager[ArrowStream]:
        """The rows of a SELECT, in DuckDB's dialect, over the tables `file_0`, `file_1` …, one a file.

        Each has its file's columns and `file_row_number`, from 0. As `Lines.select` otherwise.
        """
        ...
