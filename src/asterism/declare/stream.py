"""Streams: records that are pushed to the platform, and what reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asterism.declare.record import Record


@dataclass(frozen=True, slots=True)
class Stream:
    """A durable log of records, and the table `streams.<name>` (hyphens as underscores) with one row a record id.

    Without a `record` type it takes any JSON. Order is promised within a key. Delivery: at least once from a producer,
    exactly once in the table and in each view.
    """

    name: str
    record: type[Record] | None = None
    key: str | None = None
    """The field whose value orders and partitions the records; None: each record on its own."""
    id_field: str | None = None
    """The field that identifies a record; None: its producer's Idempotency-Key, or one given at the door."""
    public: bool = False
    """Whether anybody may append by HTTP; else a token with the scope `ingest:<name>` is asked for."""
    strict: bool = False
    """Whether fields that `record` does not know are refused; else they are kept in the column `_extra`."""
    dedupe: timedelta = timedelta(days=7)
    """How long a record id is remembered: within it the log takes a record once, however often it is sent."""
    retention: timedelta = timedelta(days=7)
    """How long the log keeps what all its readers have read. The landing zone keeps it beyond that."""
    keep: timedelta | None = None
    """How long records are kept at all, in table, landing and log: personal data has an end. None: for good."""
    lake_only: bool = False
    """Whether records go to the lake and nowhere else: no table, view, event store or trigger reads them."""

    @property
    def table(self) -> str:
        """The table of its records."""
        return f"streams.{self.name.replace('-', '_')}"


Function = Callable[[Any], Any]
"""Of a record to None, a record, or several: a Struct or JSON values each."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def checked(name: str) -> str:
    """The name of a stream, which addresses, tables and objects have in theirs. Raises ValueError for any other."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a stream: use up to 60 letters, digits, - and _, and no - or _ first")
    return name


@dataclass(frozen=True, slots=True)
class Transform:
    """A function of each record of `stream`; what it gives is appended to `into`, under ids made from the record's.

    A record on which it raises is set aside in quarantine with the reason, and the next one goes on.
    """

    name: str
    stream: Stream
    into: Stream
    function: Function


@dataclass(frozen=True, slots=True)
class Timed:
    """A record that a simulator makes up: when it happens in simulated time (naive, UTC), and what it is."""

    at: datetime
    record: Any


@dataclass(frozen=True, slots=True)
class EventSimulator:
    """A function of a random number generator to the records of a simulated life, in the order of `at`, without end."""

    name: str
    stream: Stream
    live: Callable[[Random], Iterator[Timed]]


@dataclass(frozen=True, slots=True)
class Trigger:
    """Each record of `stream` makes the pull or report due at once that its `field` names; without one, all of them."""

    stream: Stream
    field: str = "schedule"
