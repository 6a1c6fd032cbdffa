"""Lineage of records: what was made of what, where ids do not tell.

What a transform or a view makes has an id made from that of its origin: `extract/r1/0` comes of `r1`. A stream with an
`id_field` takes ids from its records instead, so whoever appends to it says first, in the log's own stream `_lineage`,
of what each was made. Erasing follows both.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.ports.log import Entry, Log
from asterism.run.records import Admitted


class Made(Record, frozen=True):
    """A record of one stream that was made of a record of another. Of one record several may be the origin."""

    stream: str
    record_id: str
    of_stream: str
    of_id: str


STREAM = Stream("_lineage", Made)
"""The stream of what was made of what, one of the log's own."""


def append_made(log: Log, maker: str, of: Stream, into: Stream, made: Iterable[tuple[str, int, Admitted]]) -> None:
    """Append what `maker` made, each of the record with that id as its so-manieth, in order. Raises LogError.

    Delivery: each once within `dedupe`, however often it is repeated. Where ids do not tell the origin it is on disk
    before what was made.
    """
    entries, origins = [], []
    for origin, number, admitted in made:
        identifier = f"{maker}/{origin}/{number}"
        entries.append(Entry(admitted.id or identifier, admitted.key, admitted.body))
        if admitted.id:
            said = Made(stream=into.name, record_id=admitted.id, of_stream=of.name, of_id=origin)
            origins.append(Entry(identifier, "", msgspec.json.encode(said)))
    if origins:
        log.append(STREAM.name, origins, into.dedupe)
    if entries:
        log.append(into.name, entries, into.dedupe)


def origin(maker: str, identifier: str) -> str:
    """The id of the record that `maker` made this one of; empty where it does not tell."""
    prefix = f"{maker}/"
    return identifier.removeprefix(prefix).rpartition("/")[0] if identifier.startswith(prefix) else ""
