"""Storing: a stream's records as rows of a wide-column store, one a record."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec import inspect, structs

from asterism.declare.fields import column_type
from asterism.declare.stream import Stream

NOWHERE = "none"
"""What a stage says that stores no events."""
_KEYS = frozenset({"BIGINT", "BOOLEAN", "DATE", "TIMESTAMP", "UUID", "VARCHAR"})
"""Types whose text is the same whichever engine gives it back: by it a record's row is found again."""
_FAMILY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Storing:
    """Each record of `stream` is a row of the stage's event store, under its key, its time and its id.

    Delivery: at least once, to the same row with the same content: exact over redelivery and kill -9, as far as an id
    stands for one record. It has a reader of its own, which waits for neither the warehouse nor the views.
    """

    stream: Stream
    at: str
    """The record's field that says when it happened (datetime; naive is UTC)."""
    family: str = "event"
    """The column family that holds the record's fields."""


def storing(stream: Stream, at: str, family: str) -> Storing:
    """The declaration. Raises ValueError for a stream whose records could not be found again by key and time."""
    types = {each.name: inspect.type_info(each.type) for each in structs.fields(stream.record)} if stream.record else {}
    if column_type(types[at]) != "TIMESTAMP" if at in types else True:
        raise ValueError(f"the events of {stream.name!r} are stored by a time: let at= name a datetime of its record")
    if stream.key is None or column_type(types[stream.key]) not in _KEYS:
        raise ValueError(
            f"the events of {stream.name!r} are stored by a key: give the stream a text or a number as one"
        )
    checked(family)
    return Storing(stream, at, family)


def checked(family: str) -> str:
    """The name of a column family. Raises ValueError for what stores do not take."""
    if not _FAMILY.fullmatch(family):
        raise ValueError(f"{family!r} is no name of a column family: use letters, digits, - and _, a letter first")
    return family
