"""The verb `simulate` for streams: made-up records, at a pace, into the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from random import Random
from uuid import uuid4

import msgspec

from asterism.declare.stream import EventSimulator, Timed
from asterism.errors import AsterismError, printable
from asterism.ports.log import Entry, Log
from asterism.run.pace import Pace, check_pace
from asterism.run.records import Shape

MOST_AT_ONCE = 500
"""Records of one append."""


@dataclass(frozen=True, slots=True)
class EventsReport:
    """What was played, and the simulated time from the first event to the last."""

    events: int
    begin: datetime | None
    end: datetime | None


def simulate_events(  # noqa: PLR0913  all but two have defaults and go by their names
    simulator: EventSimulator,
    log: Log,
    *,
    limit: int | None = None,
    speed: float = 60.0,
    seed: int = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    stopped: Callable[[], bool] = lambda: False,
    on_append: Callable[[int], None] = lambda _: None,
) -> EventsReport:
    """Append `limit` made-up records, or until `stopped`, as their simulated times come.

    `speed` is simulated seconds a second: at 60 an hour's records take a minute; 0 is as fast as they go. Which records
    there are depends on `seed` alone. `on_append` is told how many there have been. Raises LogError; RecordError for a
    record that its own stream would refuse; UsageError for a limit or a speed that makes no sense; AsterismError for
    what the simulator raises.
    """
    check_pace(limit, speed)
    shape, pace = Shape(simulator.stream), Pace(speed, clock, sleep)
    waiting: list[Entry] = []
    begin = end = None
    events = 0

    def flush() -> None:
        nonlocal events
        if waiting:
            log.append(simulator.stream.name, waiting, simulator.stream.dedupe)
            events += len(waiting)
            waiting.clear()
            on_append(events)

    for timed in islice(_played(simulator, seed), limit):
        if len(waiting) == MOST_AT_ONCE or pace.is_early(timed.at):
            flush()
        pace.reach(timed.at)
        if stopped():
            break
        admitted = shape.admit(msgspec.json.encode(timed.record))
        waiting.append(Entry(admitted.id or uuid4().hex, admitted.key, admitted.body, admitted.id is not None))
        begin, end = begin or timed.at, timed.at
    flush()
    return EventsReport(events, begin, end)


def _played(simulator: EventSimulator, seed: int) -> Iterator[Timed]:
    try:
        yield from simulator.live(Random(seed))  # noqa: S311 repeatable by design
    except (Exception, SystemExit) as error:
        fact = f"raised {type(error).__name__}: {printable(error)}"
        raise AsterismError(f"simulator {simulator.name}", fact, "Correct the function in platform.py.") from error
