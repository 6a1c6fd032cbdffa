"""Removing records: from the landing zone, and from tables as a batch of deletions, which models follow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from asterism.run.commit import Committed, commit
from asterism.run.land import LandedTable, Landing, Manifest
from asterism.run.ledger import Position, now
from asterism.run.records import ID, Envelope, Shape
from asterism.run.session import quote
from asterism.run.streams import SOURCE, Streams, landed_lines
from asterism.run.warehouse import Warehouse

_LIST = ".deleted.parquet"
_ENVELOPES = msgspec.json.Decoder(Envelope)


def remove(warehouse: Warehouse, shape: Shape, condition: str, values: Sequence[Any] = ()) -> Committed:
    """Delete the rows of a stream's table that meet a condition in SQL (DuckDB's dialect); refresh what is behind.

    One transaction, landed first like any batch; `forget_lists` is called for once it is over. Raises LakeError,
    EngineError.
    """
    position, table = warehouse.ledger.position(SOURCE), warehouse.raw_tables().get(shape.table.name)
    if position is None or table is None:
        return Committed()
    landing = Landing(warehouse.lake, warehouse.parquet)
    name = f"raw/{SOURCE}/{shape.stream.name}/{position.polled_at:%Y/%m/%d/%H}/_{position.seq:012d}{_LIST}"
    keys = tuple(column for column in table.columns if column.name == ID)  # no more: the table stays as it stands
    gone = warehouse.session.fetch(f"SELECT {ID} FROM {quote(table.name)} WHERE {condition}", values)
    deletions = landing.put(name, keys, gone)
    if not deletions:
        return Committed()
    landed = LandedTable(
        table=table.name,
        columns=[(column.name, column.type, column.nullable) for column in keys],
        key=[ID],
        rows=0,
        deleted=name,
        deletions=deletions,
    )
    return commit_batch(warehouse, position, position.cursor, [landed])


def forget_lists(warehouse: Warehouse, stream: str) -> None:
    """Let go of the lists of what was deleted from a stream's table: ids can be names. Raises LakeError.

    Their lines are gone from the landing zone already (`remove_landed`), so that a rebuild does without the lists.
    """
    landing = Landing(warehouse.lake, warehouse.parquet)
    for key in list(warehouse.lake.list(f"raw/{SOURCE}/{stream}/")):
        if key.endswith(_LIST):
            manifest = landing.manifest(SOURCE, int(key.rpartition("/")[2].lstrip("_").removesuffix(_LIST)))
            tables = [msgspec.structs.replace(each, deleted=None, deletions=0) for each in manifest.tables]
            landing.write_manifest(msgspec.structs.replace(manifest, tables=tables))
            warehouse.lake.delete(key)


def remove_landed(warehouse: Warehouse, streams: Streams, name: str, gone: Collection[str]) -> None:
    """Write a stream's landed objects anew without the records of these ids. Raises LakeError."""
    lake, lines = warehouse.lake, streams.lines
    listed = {each.stream.name for each in streams.shapes.values() if not each.stream.lake_only}
    for key in landed_lines(lake, name):
        text = lines.unpack(lake.get(key))
        envelopes = _ENVELOPES.decode_lines(text)
        kept = [line for line, each in zip(text.split(b"\n"), envelopes, strict=False) if each.id not in gone]
        if len(kept) == len(envelopes):
            continue
        anew = f"{key.removesuffix('.gz').removesuffix('.ndjson.zst')}.ndjson.zst"
        if kept or name in listed:  # a manifest asks for it
            lake.put(anew, lines.pack(b"\n".join(kept)))
        if anew != key or not (kept or name in listed):
            lake.delete(key)


def commit_batch(
    warehouse: Warehouse, position: Position, cursor: Mapping[str, Any], tables: list[LandedTable]
) -> Committed:
    """Write the manifest of a batch of the streams whose objects are landed, and commit it."""
    polled_at = now()
    moment = warehouse.ledger.begin_refresh(polled_at)[1]
    manifest = Manifest(
        source=SOURCE, seq=position.seq, polled_at=polled_at, complete=True, moment=moment, cursor=dict(cursor),
        tables=tables,
    )  # fmt: skip
    Landing(warehouse.lake, warehouse.parquet).write_manifest(manifest)
    following = Position(position.seq + 1, dict(cursor), loading=False, polled_at=polled_at, reconciled_at=None)
    return commit(warehouse, manifest, following)
