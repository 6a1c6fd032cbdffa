"""Answers as files: a DuckDB beside the warehouse turns Arrow into text and Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from asterism.adapters.duckdb.memory import in_memory
from asterism.declare.table import Column
from asterism.errors import EngineError
from asterism.ports.arrow import ArrowStream
from asterism.ports.sheets import Form

_EXACT = 2**53
_FORMATS = {
    "json": "FORMAT json, ARRAY true",
    "ndjson": "FORMAT json, ARRAY false",
    "csv": "FORMAT csv, HEADER true",
    "parquet": "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1",
}
_SMALL = {"tinyint", "smallint", "integer", "utinyint", "usmallint", "uinteger", "boolean"}
_LARGE = {"bigint", "ubigint", "hugeint", "uhugeint"}
_NESTED = {"list", "array", "struct", "map"}
_TIMES = {"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"}


class DuckDBSheets:
    """Implements `Sheets`. Each answer has a database of its own, on one thread: rows stay in their order."""

    def write(self, path: Path, form: Form, columns: Sequence[Column], data: ArrowStream) -> int:
        """See `Sheets.write`."""
        try:
            with in_memory() as connection:
                connection.execute("SET threads = 1; SET preserve_insertion_order = false; SET memory_limit = '512MB'")
                connection.register("_stream", data)
                chosen = _chosen(connection, form, columns)
                if form == "arrow":
                    return _write_arrow(path, connection.sql(chosen))
                row = connection.execute(f"COPY ({chosen}) TO {_literal(str(path))} ({_FORMATS[form]})").fetchone()
                return int(row[0]) if row else 0
        except (duckdb.Error, OSError) as error:
            path.unlink(missing_ok=True)
            fact = str(error).strip().split("\n\n")[0]
            raise EngineError("the answer", fact, "Ask again, or for less.") from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _chosen(connection: duckdb.DuckDBPyConnection, form: Form, columns: Sequence[Column]) -> str:
    """A SELECT of what is written, over the stream."""
    places = [f"c{place}" for place in range(len(columns))]
    pairs = [*zip(places, columns, strict=True)]
    if form in {"json", "ndjson", "csv"}:
        make = _text if form == "csv" else _json
        values = [make(place, connection.type(each.type)) for place, each in pairs]
        casts = [f"CAST({place} AS {each.type}) AS {place}" for place, each in pairs]
    else:
        # A decimal may have come as text. A HUGEINT comes as a decimal or as text, and in Parquet would be a double;
        # Arrow's writer has no dictionaries.
        odd = re.compile("HUGEINT|ENUM" if form == "arrow" else "HUGEINT")
        values = [
            f"CAST({place} AS VARCHAR)" if "ENUM" in each.type and form == "arrow" else place for place, each in pairs
        ]
        kinds = ["DECIMAL(38,0)" if each.type == "HUGEINT" else each.type for each in columns]
        casts = [
            place if odd.search(kind) else f"CAST({place} AS {kind}) AS {place}"
            for place, kind in zip(places, kinds, strict=True)
        ]
    source = f"(SELECT {', '.join(casts)} FROM _stream AS _s({', '.join(places)}))"
    chosen = (f"{value} AS {_quote(each.name)}" for value, each in zip(values, columns, strict=True))
    return f"SELECT {', '.join(chosen)} FROM {source}"


def _write_arrow(path: Path, data: ArrowStream) -> int:
    from nanoarrow import ipc  # noqa: PLC0415 - few ask for Arrow
    from nanoarrow.c_array_stream import c_array_stream  # noqa: PLC0415 - as above

    rows = 0
    with path.open("wb") as file, ipc.StreamWriter.from_writable(file) as writer:
        for batch in c_array_stream(data):
            rows += len(batch)
            writer.write_array(batch)
    return rows


def _json(value: str, kind: Any) -> str:
    """An expression of type JSON."""
    name = kind.id
    if name in _LARGE:
        exact, number = f"{value} BETWEEN -{_EXACT} AND {_EXACT}", f"TRY_CAST({value} AS BIGINT)"
        return f"CASE WHEN {exact} THEN to_json({number}) ELSE to_json(CAST({value} AS VARCHAR)) END"
    if name in {"float", "double"}:
        number = f"to_json(CAST({value} AS DOUBLE))"
        return f"CASE WHEN isfinite({value}) THEN {number} ELSE to_json(CAST({value} AS VARCHAR)) END"
    if name in _NESTED:
        return _nested(value, name, dict(kind.children))
    return f"to_json({value})" if name in _SMALL else f"to_json({_text(value, kind)})"


def _nested(value: str, name: str, inner: dict[str, Any]) -> str:
    item = f"x{len(value)}"  # lists in lists have each their own
    if name == "struct":
        members = (f"{_literal(key)}, {_json(f'{value}.{_quote(key)}', kind)}" for key, kind in inner.items())
        return f"CASE WHEN {value} IS NOT NULL THEN json_object({', '.join(members)}) END"
    if name == "map":
        pair = f"{{'key': CAST({item}.key AS VARCHAR), 'value': {_json(f'{item}.value', inner['value'])}}}"
        return f"to_json(map_from_entries(list_transform(map_entries({value}), lambda {item}: {pair})))"
    return f"to_json(list_transform({value}, lambda {item}: {_json(item, inner['child'])}))"


def _text(value: str, kind: Any) -> str:
    """An expression of type VARCHAR."""
    name, text = kind.id, f"CAST({value} AS VARCHAR)"
    if name in _TIMES:
        return _moment(value)
    if name == "timestamp with time zone":
        there = f"({value} AT TIME ZONE 'UTC')"
        return f"{_moment(there)} || '+00:00'"
    if name == "time":
        return f"CASE WHEN contains({text}, '.') THEN rpad({text}, 15, '0') ELSE {text} END"
    if name == "blob":
        return f"to_base64({value})"
    if name in _NESTED:
        return f"CAST({_json(value, kind)} AS VARCHAR)"
    return text


def _moment(value: str) -> str:
    """In ISO 8601, with six places of a second or none."""
    text = f"replace(CAST(CAST({value} AS TIMESTAMP) AS VARCHAR), ' ', 'T')"
    return f"CASE WHEN contains({text}, '.') THEN rpad({text}, 26, '0') ELSE {text} END"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
