"""Arrow into BigQuery: few rows travel in the statement that takes them in, others by way of a table of a day's life.

Into that, many rows come by a load job, and those between by the Storage Write API, which is quicker. On their
way all values are text, which both sides write and read without loss. A stream is read once, into a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from asterism.adapters.gcp.bigquery.types import kind_of
from asterism.declare.table import Column, plain
from asterism.errors import EngineError
from asterism.ports.arrow import ArrowStream

INLINE = 2_000
"""Rows that may travel in a statement …"""
_ROOM = 1_000_000
"""… and how long their text may be. A request takes ten megabytes."""
_STREAMED, _PART = 32_000_000, 4_000_000
"""How long the text of rows may be for the Storage Write API, and about how long it is in one request."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A stream in a file of Parquet: column `c0` … of text, in the order of `columns`."""

    file: Path
    columns: tuple[Column, ...]
    rows: int

    @contextmanager
    def parts(self) -> Iterator[Iterator[ArrowStream] | None]:
        """The rows in parts that a request takes, each to be read before the next; None where they are too many."""
        names = [f"c{place}" for place in range(len(self.columns))]
        length = " + ".join(f"coalesce(strlen({name}), 0)" for name in names)
        with duckdb.connect() as reader:
            reader.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet('{self.file}', file_row_number := true)")
            reader.execute(
                f"CREATE TABLE parts AS SELECT file_row_number, {length} AS length, "
                f"sum({length}) OVER (ORDER BY file_row_number) // {_PART} AS part FROM rows"
            )
            (found,) = reader.execute("SELECT sum(length), max(length), max(part) FROM parts").fetchall()
            whole, longest, last = map(int, found)
            if whole > _STREAMED or longest > _PART:
                yield None
                return
            chosen = f"SELECT {', '.join(names)} FROM rows JOIN parts USING (file_row_number) WHERE part = $part"
            yield (reader.sql(chosen, params={"part": part}) for part in range(last + 1))

    def inline(self) -> str | None:
        """The rows as a JSON list of lists, where they are few."""
        if self.rows > INLINE or self.file.stat().st_size > _ROOM:
            return None
        with duckdb.connect() as reader:
            found = reader.execute("SELECT * FROM read_parquet($1)", [str(self.file)]).fetchall()
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return text if len(text) <= _ROOM else None

    @property
    def fields(self) -> list[dict[str, str]]:
        """The columns of the file, as BigQuery is told of them."""
        return [{"name": f"c{place}", "type": "STRING"} for place in range(len(self.columns))]

    def values(self, source: str | None) -> str:
        """A SELECT of the columns in their types: from a table, or from the list that `@p1` holds."""
        texts = [f"c{n}" if source else f"JSON_VALUE(r, '$[{n}]')" for n in range(len(self.columns))]
        pairs = zip(texts, self.columns, strict=True)
        listing = ", ".join(f"{_value(text, column.type)} AS `{plain(column.name)}`" for text, column in pairs)
        return f"SELECT {listing} FROM {f'`{source}`' if source else 'UNNEST(JSON_EXTRACT_ARRAY(@p1)) AS r'}"


@contextmanager
def received(table: str, columns: Sequence[Column], data: ArrowStream) -> Iterator[Incoming]:
    """Read a stream to its end. Raises EngineError for a value that is not of its column's type."""
    with TemporaryDirectory(prefix="asterism-load-") as folder, duckdb.connect() as writer:
        file = Path(folder) / "rows.parquet"
        writer.execute("SET TimeZone = 'UTC'")
        writer.register("_incoming", data)
        texts = ", ".join(f"{_text(column)} AS c{place}" for place, column in enumerate(columns))
        try:
            copied = writer.execute(f"COPY (SELECT {texts} FROM _incoming) TO '{file}' (FORMAT parquet)").fetchone()
        except duckdb.Error as error:
            fact = str(error).strip().split("\n\n", maxsplit=1)[0]
            raise EngineError("bigquery", fact, f"A value does not fit {table}.") from error
        yield Incoming(file, tuple(columns), int(copied[0]) if copied else 0)


def _text(column: Column) -> str:
    name = '"' + column.name.replace('"', '""') + '"'
    value = f"CAST({name} AS {column.type})"
    if column.type == "BLOB":
        return f"to_base64({value})"
    if column.type.endswith("[]"):
        return f"CAST(to_json(list_transform({value}, lambda x: {_element(column.type[:-2])})) AS VARCHAR)"
    return f"CAST({value} AS VARCHAR)"


def _element(kind: str) -> str:
    return "to_base64(x)" if kind == "BLOB" else "CAST(x AS VARCHAR)"


def _value(text: str, name: str) -> str:
    """What makes a value of a type, that DuckDB names, of its text."""
    if name.endswith("[]"):
        each = _value("x", name[:-2])
        return f"ARRAY(SELECT {each} FROM UNNEST(JSON_VALUE_ARRAY({text})) AS x WITH OFFSET AS o ORDER BY o)"
    kind = kind_of(name)
    if kind == "STRING":
        return text
    if kind == "BYTES":
        return f"FROM_BASE64({text})"
    if kind == "JSON":
        return f"PARSE_JSON({text}, wide_number_mode => 'round')"
    return f"CAST({text} AS {kind})"
