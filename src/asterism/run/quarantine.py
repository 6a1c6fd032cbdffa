"""Quarantine: what could not be taken is kept as it came, with the reason, until someone replays or drops it.

Whoever refuses something appends it to the log's own stream `_quarantine`: durable at once, from any process. The
warehouse writer takes it into the table `streams._quarantine` as it takes any other stream.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

import msgspec

from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.errors import printable
from asterism.ports.log import Entry, Log


class Quarantined(Record, frozen=True):
    """A row of the quarantine."""

    stream: str
    """The stream or source that it was meant for."""
    place: str
    """Where it was refused: the door, a transform, an object and line."""
    reason: str
    body: str
    """What came: text, or base 64 where it is not UTF-8."""
    encoding: Literal["text", "base64"] = "text"
    record_id: str = ""
    """The id it came with; empty where it had none."""
    received_at: datetime | None = None
    """When the log took it; None where it was refused before that."""

    def original(self) -> bytes:
        """The bytes as they came."""
        return base64.b64decode(self.body) if self.encoding == "base64" else self.body.encode()


STREAM = Stream("_quarantine", Quarantined, key="stream")
"""The stream of what was set aside, one of the log's own."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that cannot be taken. `id` makes setting it aside twice once; empty: it is set aside each time."""

    stream: str
    place: str
    reason: str
    body: bytes
    id: str = ""
    record_id: str = ""
    received_at: datetime | None = None


def set_aside(log: Log, items: Iterable[Refused]) -> list[str]:
    """Put items into quarantine; return when they are on disk, with the ids they have there. Raises LogError."""
    made = entries(items)
    if made:
        log.append(STREAM.name, made, STREAM.dedupe)
    return [entry.id for entry in made]


def entries(items: Iterable[Refused]) -> list[Entry]:
    """Items as entries of `STREAM`, for who appends them together with other things."""
    return [Entry(each.id or uuid4().hex, each.stream, _line(each), bool(each.id)) for each in items]


def _line(item: Refused) -> bytes:
    try:
        text, encoding = item.body.decode(), "text"
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        text, encoding = base64.b64encode(item.body).decode(), "base64"
    return msgspec.json.encode(
        {
            "stream": item.stream,
            "place": item.place,
            "reason": printable(item.reason),
            "body": text,
            "encoding": encoding,
            "record_id": item.record_id,
            "received_at": item.received_at,
        }
    )
