"""The lake's tables without a catalogue of a cloud: read here, from the objects themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import duckdb

from asterism.adapters.duckdb.memory import in_memory
from asterism.errors import EngineError
from asterism.ports.lake import Lake

_LANDED, _STREAMS = "raw/", "streams"
_LINE = ("id", "received_at", "key", "partition", "position", "record")
"""Of a landed line. All of them are texts, as Athena has them."""
_LONGEST = 1 << 28
_PLACE = re.compile(r"raw/([^/]+)/([^/]+)/(?:.+/)?([^/]+)")
"""Of an object: source, table and name."""


class DuckDBCatalogue:
    """Implements `Catalogue`: a stream is a table of its name, hyphens as underscores, with the column `hour`.

    What was pulled is `<source>_<table>`, with the column `landed_on`: every version of a row that a poll saw. The
    objects of tables that a question names are all read, and fetched where the lake is not a folder of this machine: a
    condition on `hour` makes it no cheaper.
    """

    dialect = "duckdb"

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def ask(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """See `Catalogue.ask`."""
        known = self._tables()
        with closing(in_memory()) as connection:
            try:
                asked = {name.lower() for name in connection.get_table_names(sql)} & known.keys()
                files = {name: [_literal(str(self._lake.local(key))) for key in known[name]] for name in asked}
                _fence(connection, [file for each in files.values() for file in each])
                for name, each in files.items():
                    connection.execute(f'CREATE VIEW "{name}" AS {_view(each)}')
                found = connection.execute(sql)
                columns = tuple(column[0] for column in found.description or ())
                return columns, found.fetchall()
            except duckdb.Error as error:
                fact = str(error).strip().split("\n\n")[0]
                remedy = f"Its tables are {', '.join(sorted(known))}." if known else "Nothing has been landed yet."
                raise EngineError("the lake", fact, remedy) from error

    def _tables(self) -> dict[str, list[str]]:
        """The objects of each table."""
        found = defaultdict(list)
        for key in self._lake.list(_LANDED):
            if (place := _PLACE.fullmatch(key)) is None:  # somebody else's
                continue
            source, table, name = place.groups()
            if source == _STREAMS and name.endswith((".ndjson.zst", ".gz")):
                found[table.replace("-", "_")].append(key)
            elif name.endswith(".parquet") and not name.startswith("_"):
                found[re.sub(r"[^a-z0-9_]+", "_", f"{source}_{table}".lower())].append(key)
        return dict(found)


def _fence(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
    """Let a connection read these files, as literals, and nothing else outside of it."""
    connection.execute(f"SET allowed_paths = [{', '.join(files)}]")
    connection.execute(
        "SET python_enable_replacements = false; SET enable_external_access = false; SET lock_configuration = true"
    )


def _view(files: Sequence[str]) -> str:
    listed = ", ".join(files)
    if files[0].endswith(".parquet'"):
        return (
            f"SELECT * EXCLUDE (filename), regexp_extract(filename, '(\\d+/\\d+/\\d+)/[^/]*$', 1) AS landed_on "
            f"FROM read_parquet([{listed}], union_by_name = true, filename = true)"
        )
    columns = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in _LINE)
    return (
        f"SELECT * EXCLUDE (filename), regexp_extract(filename, '(\\d+/\\d+/\\d+/\\d+)/[^/]*$', 1) AS hour "
        f"FROM read_json([{listed}], format = 'newline_delimited', filename = true, columns = {{{columns}}}, "
        f"maximum_object_size = {_LONGEST})"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
