"""occupancy: sensors tell who comes and who goes; how many persons are inside, live and over time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Annotated, Literal

from msgspec import Meta

from asterism import Platform, Record
from asterism.simulators import Timed
from asterism.views import tumbling

platform = Platform("occupancy")

Sensor = Annotated[str, Meta(pattern="^(?!all$).", description="The sensor's name; `all` is that of the whole site.")]


class Access(Record):
    """A person passed a sensor: 1 entered, -1 left."""

    service: Sensor
    event: Literal[1, -1]
    eventTime: datetime  # noqa: N815 - as the sensors call it


class Occupancy(Record):
    """How many persons are inside, by the events up to `writeTime`."""

    currentOccupancy: int = 0  # noqa: N815 - as its readers call it
    writeTime: datetime | None = None  # noqa: N815 - as its readers call it


class Hour(Record):
    """Who came and who went within an hour."""

    entered: int = 0
    left: int = 0


accesses = platform.stream("accesses", Access, key="service")

# Each event is a row by sensor and time as well, in the family `event`, before any count is written beside it.
platform.store(accesses, at="eventTime", family="event")


@platform.view(accesses, family="realTimeStatus")
def occupancy(state: Occupancy, access: Access) -> Occupancy:
    """The live count of each sensor; each event's row says what it was when that event had been counted."""
    return counted(state, access)


@platform.view(accesses, key=None)
def site(state: Occupancy, access: Access) -> Occupancy:
    """The live count of the whole site."""
    return counted(state, access)


# `after`: what this view counts stands in the table already. The lateness: no hour is ever final, for a sensor that was
# cut off delivers days later, and its events belong into the hours in which they happened.
@platform.view(accesses, after=accesses.table, window=tumbling("eventTime", "1h", lateness="3650d"))
def hourly(state: Hour, access: Access) -> Hour:
    """Who came and who went, by sensor and by the hour of the event."""
    return Hour(entered=state.entered + (access.event == 1), left=state.left + (access.event == -1))


def counted(state: Occupancy, access: Access) -> Occupancy:
    """One more or one less. A fold asks no clock: made anew from the same events, it is the same."""
    latest = access.eventTime if state.writeTime is None else max(state.writeTime, access.eventTime)
    return Occupancy(currentOccupancy=state.currentOccupancy + access.event, writeTime=latest)


FIRST_DAY = datetime(2019, 8, 5)
"""A Monday. Simulated days follow it without end."""
SATURDAY = 5
DOORS, SHARES = ("door-1", "door-2", "door-3"), (5, 3, 2)


@platform.simulator(accesses)
def visitors(random: Random) -> Iterator[Timed]:
    """Persons who come in the morning, go out for lunch and leave in the evening, each through a door of their own."""
    for number in count():
        day = FIRST_DAY + timedelta(days=number)
        persons = random.gauss(120, 12) if day.weekday() < SATURDAY else random.gauss(6, 2)
        passed = [event for _ in range(max(0, round(persons))) for event in visit(random, day)]
        for at, door, event in sorted(passed):
            yield Timed(at, {"service": door, "event": event, "eventTime": at})


def visit(random: Random, day: datetime) -> Iterator[tuple[datetime, str, int]]:
    """A person's day. Each in comes before its out, so that no count falls below zero."""
    (door,) = random.choices(DOORS, SHARES)
    begin = min(max(random.gauss(8.75, 0.75), 6.0), 11.0)
    end = min(max(random.gauss(17.25, 1.0), 14.5), 21.0)
    hours = [begin, end]
    if random.choice((True, False)):  # has lunch elsewhere
        out = random.uniform(11.75, 13.0)
        hours = [begin, out, out + random.uniform(0.3, 1.1), end]
    for number, hour in enumerate(hours):
        yield day + timedelta(seconds=round(hour * 3600)), door, -1 if number % 2 else 1
