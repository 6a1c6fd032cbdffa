"""Sheets: answers as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from asterism.declare.table import Column
from asterism.ports.arrow import ArrowStream

Form = Literal["json", "ndjson", "csv", "parquet", "arrow"]


class Sheets(Protocol):
    """Writes results to the local disk, in bounded memory. May be used by several threads."""

    def write(self, path: Path, form: Form, columns: Sequence[Column], data: ArrowStream) -> int:
        """Write a stream whose columns are `columns`, in their order and with these names; answer its rows.

        `json` is an array of objects, `ndjson` an object a line, `csv` as in RFC 4180 with a line of names (NULL is an
        empty field), `parquet` a file, `arrow` an IPC stream. Text forms have the values of `run/values.py`: decimals
        and integers beyond 2^53 as text, times in ISO 8601. Raises `EngineError` where the stream fails or the disk is
        full, and `UsageError` for a form that this installation cannot write; no file is left then.
        """
        ...
