"""Queues: where each stream ends, how far each of its readers is, what stands still, and what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asterism.declare.platform import Platform
from asterism.ports.log import Log, Offsets
from asterism.ports.state import State
from asterism.run import store, transform, view
from asterism.run.consume import CONSUMER
from asterism.run.quarantine import STREAM as QUARANTINE
from asterism.run.session import quote
from asterism.run.streams import with_own
from asterism.run.trigger import consumer as of_trigger
from asterism.run.trigger import listener
from asterism.run.warehouse import Warehouse

_REASONS = 100
"""Kinds of refusals that are told apart."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A consumer of a stream."""

    stream: str
    consumer: str
    position: Offsets
    """How far it has read for good."""
    behind: int
    """Records that it has not read yet; where positions are not counted by one, about so many."""
    seconds: float
    """How long the next one has waited."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A stream, as its log has it."""

    stream: str
    records: int
    """That are kept."""
    end: Offsets
    oldest: datetime | None
    readers: tuple[Reader, ...]


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """A live view. `state` is running, or stopped at the record `stopped_at` since `since` because of `error`."""

    view: str
    stream: str
    state: str
    error: str
    stopped_at: str
    since: str
    skipped: int
    late: int


@dataclass(frozen=True, slots=True)
class Aside:
    """What lies in quarantine of one stream or source, for one reason."""

    stream: str
    reason: str
    count: int


def queues(platform: Platform, log: Log, state: State | None = None) -> tuple[StreamStatus, ...]:
    """Each stream, the log's own too. Views are asked of `state` where that is given, for they tell the log later."""
    return tuple(_stream(platform, stream.name, log, state) for stream in with_own(platform.streams))


def _stream(platform: Platform, name: str, log: Log, state: State | None) -> StreamStatus:
    standing = log.standing(name)
    readers = []
    for consumer, of_view in consumers(platform, name).items():
        reached = standing.committed.get(consumer, {})
        if of_view and state is not None:
            reached = state.watch(of_view, 0, limit=0)[0].offsets or reached
        behind = sum(max(0, last - reached.get(part, 0)) for part, last in standing.end.items())
        first = log.read(name, consumer, reached, 1) if behind else []
        waited = max(0.0, datetime.now(UTC).timestamp() - first[0].at / 1e6) if first else 0.0
        readers.append(Reader(name, consumer, dict(reached), behind if first else 0, round(waited, 3)))
    return StreamStatus(name, standing.records, dict(standing.end), standing.oldest, tuple(readers))


def consumers(platform: Platform, stream: str) -> Mapping[str, str]:
    """Who reads a stream, by the names that the log knows; with the view's name where it is one."""
    found = {CONSUMER: ""}
    found |= {view.consumer(each.name): each.name for each in platform.views if each.stream.name == stream}
    if any(each.stream.name == stream for each in platform.storings):
        found[store.CONSUMER] = ""
    found |= {transform.consumer(each.name): "" for each in platform.transforms if each.stream.name == stream}
    found |= {of_trigger(each): "" for each in platform.triggers if each.stream.name == stream}
    return found | {listener(each): "" for each in platform.pulls if each.notified and each.notified.name == stream}


def views(platform: Platform, state: State) -> Iterator[ViewStatus]:
    """How each live view fares. Raises StateError."""
    for each in platform.views:
        note = state.watch(each.name, 0, limit=0)[0].note
        stopped: dict[str, Any] = note.get("stopped", {})
        error = stopped.get("error", {})
        said = (
            f"{error['type']}: {error['message']}{' (' + error['line'] + ')' if error['line'] else ''}" if error else ""
        )
        yield ViewStatus(
            each.name, each.stream.name, "stopped" if stopped else "running", said,
            stopped.get("id", ""), stopped.get("since", ""), note.get("skipped", 0), note.get("late", 0),
        )  # fmt: skip


def aside(warehouse: Warehouse) -> Iterator[Aside]:
    """What lies in quarantine, by stream and reason, the most frequent first. Raises EngineError."""
    if QUARANTINE.table in warehouse.raw_tables():
        rows = warehouse.session.rows(
            f"SELECT stream, reason, count(*) FROM {quote(QUARANTINE.table)} GROUP BY stream, reason "
            f"ORDER BY count(*) DESC, stream, reason LIMIT {_REASONS}"
        )
        yield from (Aside(*row) for row in rows)
