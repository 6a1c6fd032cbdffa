"""JSON lines, read by DuckDB."""

from __future__ import annotations

import gzip
import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import zstandard

from asterism.adapters.duckdb.frugal import FrugalStream
from asterism.adapters.duckdb.memory import shared
from asterism.adapters.duckdb.once import OnceStream
from asterism.declare.table import Column
from asterism.errors import LakeError, RecordError
from asterism.ports.arrow import ArrowStream
from asterism.ports.scratch import scratch

_GZIP = b"\x1f\x8b"
"""What begins a packing of others."""
_PLACE = re.compile(r' in file "[^"]*", in line \d+')
"""A temporary file, of which nobody knows: the same fault would be another one each time."""
_LONGEST = 1 << 28
"""Bytes of one line."""
_LONGEST_OF_FILES = 1 << 21
"""The same, where readers must not hold much: they hold a multiple of it."""


class DuckDBLines:
    """Implements `Lines`. DuckDB reads JSON from files only: lines pass through a temporary one."""

    def __init__(self) -> None:
        self._connection = shared()

    def read(self, lines: bytes, columns: Sequence[Column], known: Sequence[str] = ()) -> ArrowStream:
        """See `Lines.read`."""
        read = {column.name: _read_as(column) for column in columns if column.name != "_extra"}
        extra = any(column.name == "_extra" for column in columns)
        if extra:
            read["_raw"] = "JSON"
        spelled = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in read.items())
        chosen = ", ".join(
            f"{_extra(known)} AS _extra" if column.name == "_extra" else _quoted(column) for column in columns
        )
        handle, name = tempfile.mkstemp(".ndjson", dir=scratch())
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(lines)
            self._connection.execute(
                f"CREATE OR REPLACE TEMPORARY TABLE _lines AS SELECT {chosen} FROM read_json({_literal(name)}, "
                f"format = 'newline_delimited', columns = {{{spelled}}}, maximum_object_size = {_LONGEST})"
            )
        except OSError as error:
            raise LakeError(name, str(error.strerror or error), "Free some disk space, and repeat.") from error
        except duckdb.Error as error:
            fact = _PLACE.sub("", str(error).strip().partition("\n")[0])
            raise RecordError("a batch of lines", fact, "Look at the value that is named.") from error
        finally:
            Path(name).unlink(missing_ok=True)
        return OnceStream(self._connection.sql("SELECT * FROM _lines").__arrow_c_stream__)

    @contextmanager
    def select(self, files: Sequence[Path], columns: Sequence[Column], query: str) -> Iterator[ArrowStream]:
        """See `Lines.select`."""
        spelled = ", ".join(f"{_literal(column.name)}: {_literal(column.type)}" for column in columns)
        listed = ", ".join(_literal(str(file)) for file in files)
        stream = FrugalStream(
            f"WITH lines AS NOT MATERIALIZED (SELECT * FROM read_json([{listed}], format = 'newline_delimited', "
            f"columns = {{{spelled}}}, maximum_object_size = {_LONGEST_OF_FILES})) SELECT * FROM ({query})",
            files[0].parent,
        )
        try:
            yield stream
        finally:
            stream.close()

    def pack(self, lines: bytes) -> bytes:
        """See `Lines.pack`."""
        return zstandard.ZstdCompressor(level=3).compress(lines)

    def unpack(self, packed: bytes) -> bytes:
        """See `Lines.unpack`."""
        if packed.startswith(_GZIP):
            try:
                return gzip.decompress(packed)
            except (OSError, EOFError, zlib.error) as error:
                raise LakeError("landed lines", f"cannot be unpacked: {error}", "Restore the object.") from error
        try:
            return zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        except zstandard.ZstdError as error:
            raise LakeError("landed lines", f"cannot be unpacked: {error}", "Restore the object.") from error


def _read_as(column: Column) -> str:
    """The type by which a field is read: times keep their offset until they have been turned to UTC."""
    return {"TIMESTAMP": "TIMESTAMPTZ", "TIMESTAMP[]": "TIMESTAMPTZ[]"}.get(column.type, column.type)


def _quoted(column: Column) -> str:
    name = '"' + column.name.replace('"', '""') + '"'
    return f"{name}::{column.type} AS {name}" if column.type in {"TIMESTAMP", "TIMESTAMP[]"} else name


def _extra(known: Sequence[str]) -> str:
    """What an object holds beside known fields: a merge patch (RFC 7396) of nulls removes them."""
    patch = _literal(json.dumps(dict.fromkeys(known)))
    return f"nullif(json_merge_patch(_raw, {patch}::JSON)::VARCHAR, '{{}}')::JSON"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
