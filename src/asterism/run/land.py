"""Landing: each batch is an immutable object of the lake before it touches the warehouse.

    raw/<source>/<table>/<yyyy>/<mm>/<dd>/<seq>.parquet           the rows
    raw/<source>/<table>/<yyyy>/<mm>/<dd>/_<seq>.deleted.parquet  the keys of deleted rows: no rows to a catalogue
    raw/streams/<name>/<yyyy>/<mm>/<dd>/<hh>/<seq>.ndjson.zst     records of a stream, as they came
    raw/<source>/_manifests/<seq>.json                            written last: what the batch is

`seq` numbers the cursor that the batch began at, and the date is that cursor's, so that a retry overwrites and
never adds.
An object that no manifest lists does not count.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from asterism.declare.table import Column, Table
from asterism.errors import LakeError
from asterism.ports.arrow import ArrowStream
from asterism.ports.lake import Lake
from asterism.ports.parquet import Parquet
from asterism.ports.scratch import scratch


class LandedTable(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a batch: its shape then, and its objects."""

    table: str
    columns: list[tuple[str, str, bool]]
    key: list[str]
    rows: int
    object: str | None = None
    keys: str | None = None
    """All keys there were at the source; kept only until the deletions are known, so never in a manifest."""
    deleted: str | None = None
    deletions: int = 0

    @property
    def is_lines(self) -> bool:
        """Whether the object holds records of a stream, as lines."""
        return self.object is not None and self.object.endswith(".ndjson.zst")

    def shape(self) -> Table:
        """The table as it was described."""
        return Table(self.table, tuple(Column(*column) for column in self.columns), tuple(self.key))


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A batch: what was found at `polled_at` (naive UTC) by a poll that began at cursor number `seq`."""

    source: str
    seq: int
    polled_at: datetime
    complete: bool
    """False for a chunk of an initial load: the stars wait for its end."""
    moment: datetime | None
    """The refresh that followed, which is valid_from of the versions it opened; None where none did."""
    cursor: dict[str, Any]
    tables: list[LandedTable]


class ProcessedNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh landed of the models' change sets. It counts if the ledger has its number at that time."""

    seq: int
    moment: datetime
    committed_at: datetime | None = None
    whole: tuple[str, ...] = ()
    """Tables that changed beyond what their change sets say: made anew, or given other columns."""
    objects: tuple[str, ...] = ()


def processed_key(seq: int) -> str:
    """Where the note of a refresh lies."""
    return f"processed/_manifests/{seq:012d}.json"


def manifest_key(source: str, seq: int) -> str:
    """Where a manifest lies."""
    return f"raw/{source}/_manifests/{seq:012d}.json"


class Landing:
    """Writes and reads the batches of a lake."""

    def __init__(self, lake: Lake, parquet: Parquet) -> None:
        self._lake = lake
        self._parquet = parquet
        self.bytes = 0
        """Of the objects that were put."""

    def put(self, key: str, columns: Iterable[Column], data: ArrowStream) -> int:
        """Write a stream as a Parquet object; answer its rows. An empty one leaves no object. Raises LakeError."""
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            path = Path(folder) / "batch.parquet"
            count = self._parquet.write(path, tuple(columns), data)
            if count:
                self.bytes += path.stat().st_size
                self._lake.put(key, path)
        return count

    def get(self, key: str, columns: Sequence[str] = ()) -> ArrowStream:
        """The rows of a Parquet object, all columns or some."""
        return self._parquet.read([self._lake.local(key)], columns)

    def ends(self, key: str, column: str) -> tuple[int, int]:
        """The least and the greatest whole number in a column of a Parquet object that has rows."""
        return self._parquet.ends(self._lake.local(key), column)

    def key(self, source: str, table: str, day: datetime, seq: int, *, deleted: bool = False) -> str:
        """Where a table's rows of a batch lie, or the keys of its deleted rows."""
        name = f"_{seq:012d}.deleted" if deleted else f"{seq:012d}"
        return f"raw/{source}/{table.rpartition('.')[2]}/{day:%Y/%m/%d}/{name}.parquet"

    def write_manifest(self, manifest: Manifest) -> None:
        """Write a manifest; the batch counts from here on."""
        self._lake.put(manifest_key(manifest.source, manifest.seq), msgspec.json.encode(manifest))

    def has_manifest(self, source: str, seq: int) -> bool:
        """Whether a batch with this number was landed."""
        key = manifest_key(source, seq)
        return any(found == key for found in self._lake.list(f"raw/{source}/_manifests/"))

    def manifest(self, source: str, seq: int) -> Manifest:
        """The manifest of a batch. Raises LakeError where it is not there, or cannot be read."""
        return self._manifest(manifest_key(source, seq))

    def _manifest(self, key: str) -> Manifest:
        try:
            return msgspec.json.decode(self._lake.get(key), type=Manifest)
        except (msgspec.DecodeError, json.JSONDecodeError) as error:
            raise LakeError(
                key, f"the manifest cannot be read: {error}", "Restore the object from a backup."
            ) from error

    def manifests(self, source: str) -> list[Manifest]:
        """Every manifest of a source, in order. Raises LakeError for one that cannot be read."""
        found = [self._manifest(key) for key in self._lake.list(f"raw/{source}/_manifests/")]
        return sorted(found, key=lambda manifest: manifest.seq)
