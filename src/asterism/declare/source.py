"""Sources: what a platform pulls from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from asterism.declare.stream import Stream

if TYPE_CHECKING:
    from asterism.declare.record import Record  # msgspec, which `--help` does not wait for


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL database that is polled for changes. Nothing is written to it.

    `url` may hold `${VAR}`. Every table of `schema` is pulled but those in `exclude`, or only those in `include` where
    that is given. `exclude` takes columns too, as `table.column`: they are never read. `changed_at` names a column that
    writers are meant to keep current (`last_updated`): where a table is large and that column is indexed, it narrows a
    poll; it is never trusted alone.

    Delivery: at least once from the source, exactly once in the warehouse.
    """

    url: str
    schema: str = "public"
    include: tuple[str, ...] | list[str] = ()
    exclude: tuple[str, ...] | list[str] = ()
    changed_at: str = "last_updated"
    chunk_rows: int = 245_760
    """Rows a chunk of the initial load; bounds memory. The default is two groups of rows as DuckDB writes them."""


@dataclass(frozen=True, slots=True)
class Amplitude:
    """The Export API of Amplitude: whole days (UTC) of app events.

    Its tables are `events`, with the key `uuid`, and `events_properties`, one row an entry of an event's objects.
    `key` and `secret` are the project's, and may hold `${VAR}` or `${secret:NAME}`. Each pull asks for the days that
    have ended since the last one, from `start` on (a date; the day before the first pull unless given). The download is
    landed as it came. Delivery: at least once from the service, exactly once in the warehouse; a day that is asked for
    again replaces nothing that is equal.
    """

    key: str
    secret: str
    start: str | None = None
    url: str = "https://amplitude.com/api/2/export"


FILES_COLUMNS = frozenset({"_object", "_line", "_extra", "_record", "_before", "_place"})
"""Columns that a table of files has, and what is written beside its lines until they are landed."""
_FORMATS, _EVOLVES = ("jsonl", "csv", "parquet"), ("extra", "columns")


@dataclass(frozen=True, slots=True)
class Files:
    """Objects of a store: a folder, `s3://bucket/prefix` (and what speaks S3), `gs://bucket/prefix`.

    Each version of each object that `pattern` matches is read once, into the table `table`: lines of JSON, CSV with a
    header, or Parquet, plain or packed by gzip, zstd or lzop, which their first bytes tell. `**/` in the pattern is any
    folders, `*` stays within a name.

    Columns are the fields of `record`, those of a Record within it as `outer_inner`; without one they are inferred from
    the first objects, and then held: numbers that DOUBLE would round are texts in CSV, JSON else. Names in a header of
    CSV and in Parquet are those of columns in any case. A field that no column takes stays in `_extra`, or becomes a
    column where `evolve` says so. A line that cannot be stored, as one whose type has changed, goes to quarantine with
    object, line and reason, and the rest goes on.

    `_object` and `_line` tell where a row came from, and identify it unless `key` names columns: then of several rows
    with one key the one that was read last stands. An object that was replaced replaces its rows, and those of lines
    that it no longer has, or that are no rows now, go, unless there is a key; where it is longer than a chunk, or has
    more than a thousand lines that are no rows, what stood in their place stays. One that was removed leaves its rows.

    Delivery: at least once from the store, exactly once in the warehouse.
    """

    url: str
    pattern: str = "**/*"
    table: str = "records"
    record: type[Record] | None = None
    key: tuple[str, ...] | list[str] = ()
    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    evolve: Literal["extra", "columns"] = "extra"
    delimiter: str = ","
    """What stands between the fields of CSV."""
    chunk_rows: int = 122_880
    """Lines a chunk of a load; bounds temporary files. DuckDB writes so many rows at once into its file."""

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be meant."""
        if self.format not in _FORMATS:
            raise ValueError(f"Files has no format {self.format!r}: choose among {', '.join(_FORMATS)}")
        if self.evolve not in _EVOLVES:
            raise ValueError(f"Files cannot evolve by {self.evolve!r}: choose among {', '.join(_EVOLVES)}")
        key: object = self.key
        if isinstance(key, str):
            raise ValueError(f"the key of Files is a list of columns: write key=[{key!r}]")  # noqa: TRY004 - as others
        if "." in self.table:
            raise ValueError(f"the table of Files is one name, and {self.table!r} has a dot: `into` names its schema")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError(f"the delimiter of Files is one character, and no quote: {self.delimiter!r} is not")
        if self.chunk_rows < 1:
            raise ValueError("the chunk_rows of Files are at least 1")


Source = Postgres | Amplitude | Files


@dataclass(frozen=True, slots=True)
class Pull:
    """A source, the schema of the warehouse its tables land in, and how often it is asked.

    `into` names the source everywhere: in the ledger, the lake and on the command line.
    """

    source: Source
    into: str
    every: timedelta
    reconcile: timedelta
    """How often all keys are compared, which finds deletions."""
    at: str | None = None
    """A cron expression in UTC, in the place of `every`. A tick that was missed while nothing ran is made up for."""
    notified: Stream | None = None
    """A stream into which the source's service sends notifications of what changed."""

    @property
    def dated(self) -> bool:
        """Whether its rows come day by day, each whole, without an end: see the port of the same name."""
        return isinstance(self.source, Amplitude)
