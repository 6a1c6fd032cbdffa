"""Several records of a log in one record of Kinesis, which is billed, limited and kept by those.

A frame is a line of JSON, `{"asterism":1,"entries":[[id, key, length], …]}`, and the bodies, a line each: where a
service writes frames to a bucket as they are, lines of JSON stand there. What does not begin so was put by somebody
else: it is one record, the body as it came, with an id made from its place.

A record's position is the frame's sequence number times 65,536, and its place in the frame from 1 on; a digit 1 stands
before that number, which is a text to its server, zeros before it included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import accumulate
from typing import Any

import msgspec

from asterism.ports.log import Entry, Logged

MOST_BYTES = 1_000_000
"""Of a frame. Kinesis takes 1,048,576 bytes, its partition key among them."""
_MOST_ENTRIES = 10_000
_MARK = b'{"asterism":1,'
_WIDTH = 16
"""Bits of a place in a frame."""


class _Head(msgspec.Struct):
    asterism: int
    entries: list[tuple[str, str, int]]


_HEADS = msgspec.json.Decoder(_Head)
_ENCODER = msgspec.json.Encoder()


def taken(entry: Entry) -> int:
    """Bytes that an entry takes in a frame, at most."""
    return len(entry.body) + len(_ENCODER.encode((entry.id, entry.key, len(entry.body)))) + 2


def frames(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Entries in order, each frame as full as it may be. An entry larger than a frame is the caller's to refuse."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        more = taken(entry)
        if part and (size + more > MOST_BYTES - 100 or len(part) == _MOST_ENTRIES):
            yield _packed(part)
            part, size = [], 0
        part.append(entry)
        size += more
    if part:
        yield _packed(part)


def unpacked(shard: str, sequence: str, at: datetime | float, key: str, data: bytes) -> list[Logged]:
    """The records in a record of Kinesis, which came at `at` with a partition key."""
    first = int(f"1{sequence}") << _WIDTH
    micros = round((at.timestamp() if isinstance(at, datetime) else at) * 1_000_000)
    if data.startswith(_MARK):
        line, _, bodies = data.partition(b"\n")
        entries = _HEADS.decode(line).entries
        ends = accumulate(length + 1 for _, _, length in entries)
        return [
            Logged(shard, first + place, ident, own, micros, bodies[end - length - 1 : end - 1])
            for place, ((ident, own, length), end) in enumerate(zip(entries, ends, strict=True), 1)
        ]
    return [Logged(shard, first + 1, f"{shard}:{sequence}", key, micros, _line(data))]


def bodies(data: bytes) -> list[bytes]:
    """The bodies in what stands in Kinesis, or what somebody else put there, as it is."""
    if data.startswith(_MARK):
        return [each.body for each in unpacked("", "0", 0.0, "", data)]
    return [data]


def sequence_of(position: int) -> str:
    """The sequence number of the frame that a position is in."""
    return str(position >> _WIDTH)[1:]


def _packed(entries: list[Entry]) -> bytes:
    head: dict[str, Any] = {"asterism": 1, "entries": [(each.id, each.key, len(each.body)) for each in entries]}
    return b"\n".join((_ENCODER.encode(head), *(each.body for each in entries), b""))


def _line(data: bytes) -> bytes:
    """One line of JSON of what somebody put: as it is, or, where it is no JSON, as a text, which its table refuses."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
        return msgspec.json.format(data, indent=-1) if b"\n" in data else data
    except (msgspec.DecodeError, RecursionError):
        return _ENCODER.encode(data.decode(errors="replace"))
