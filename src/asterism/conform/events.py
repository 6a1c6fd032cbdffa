"""What every event store must do: exercises that an adapter's own tests run against a real store.

    @pytest.mark.parametrize("exercise", EVENTS_EXERCISES, ids=lambda exercise: exercise.__name__)
    def test_the_store_conforms(exercise, make_events):
        exercise(make_events)

`make_events` opens one empty store with the families of `FAMILIES`; called again, the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from asterism.conform.state import HOSTILE
from asterism.declare.storing import Storing
from asterism.declare.stream import Stream
from asterism.ports.events import Cells, Event, Events, Place

MakeEvents = Callable[[], Events]

FAMILIES = ("event", "other", "status", "site")
NOON = datetime(2019, 8, 5, 12)
DOORS = Storing(Stream("doors", key="door"), "at")
OTHERS = Storing(Stream("others", key="door"), "at", "other")
_MOMENT = timedelta(microseconds=1)


def rows_come_back_in_the_order_of_their_times(make_events: MakeEvents) -> None:
    """By key, whatever order they were written in; values byte for byte; of an unknown key nothing."""
    events = make_events()
    rows = [row(f"e{n}", NOON + timedelta(seconds=n), b'{"n": [%d, null]}' % n) for n in range(300)]
    events.put(DOORS, [*rows[1::2], *rows[::2]])
    events.put(DOORS, [(Place("door-2", NOON, "e1"), {"n": b"1"})])
    events.put(OTHERS, [(Place("door-1", NOON, "e1"), {"n": b"2"})])
    assert events.read(DOORS, "door-1") == [seen(each) for each in rows]
    assert events.read(DOORS, "door-2") == [Event(Place("door-2", NOON, "e1"), {"event": {"n": b"1"}})]
    assert events.read(OTHERS, "door-1") == [Event(Place("door-1", NOON, "e1"), {"other": {"n": b"2"}})]
    assert events.read(DOORS, "door") == []
    events.put(DOORS, [])
    events.close()


def what_is_written_again_is_there_once(make_events: MakeEvents) -> None:
    """The same row twice is one; so it is when another process writes it."""
    events, other = make_events(), make_events()
    rows = [row(f"e{n}", NOON) for n in range(20)]
    for each in (events, other, events):
        each.put(DOORS, rows)
    assert [each.place.id for each in other.read(DOORS, "door-1")] == sorted(place.id for place, _ in rows)
    events.close()
    other.close()


def a_range_of_time_has_its_first_moment_and_not_its_last(make_events: MakeEvents) -> None:
    """To the microsecond, before 1970 too; a page goes on where the one before ended."""
    events = make_events()
    early = datetime(1969, 7, 20, 20, 17, 40)
    times = [early, NOON - _MOMENT, NOON, NOON, NOON + _MOMENT, NOON + timedelta(days=9)]
    rows = [row(f"e{n}", at) for n, at in enumerate(times)]
    events.put(DOORS, rows)

    def ids(found: Sequence[Event]) -> list[str]:
        return [each.place.id for each in found]

    assert ids(events.read(DOORS, "door-1", NOON, NOON + _MOMENT)) == ["e2", "e3"]
    assert ids(events.read(DOORS, "door-1", since=NOON)) == ["e2", "e3", "e4", "e5"]
    assert ids(events.read(DOORS, "door-1", until=NOON)) == ["e0", "e1"]
    assert ids(events.read(DOORS, "door-1", NOON, NOON)) == []
    assert ids(events.read(DOORS, "door-1", NOON, early)) == []
    page: list[Event] = []
    told: list[str] = []
    while page := events.read(DOORS, "door-1", until=times[-1], after=page[-1].place if page else None, limit=2):
        assert len(page) <= 2
        told += ids(page)
    assert told == ["e0", "e1", "e2", "e3", "e4"]
    events.close()


def keys_and_ids_are_text_like_any_other(make_events: MakeEvents) -> None:
    """None of them is in another's way; so it is with texts among the values."""
    events = make_events()
    texts = [b'""', b'" "', b'"1"', b'"null"', b'"true"', b'"{}"', b'"a"', b'"\\u00e4\\n\\""', b"1", b"null", b"{}"]
    rows = [(Place(key, NOON, name), {"v": texts[0]}) for key in HOSTILE for name in HOSTILE if name]
    events.put(DOORS, rows)
    for key in HOSTILE:
        assert {each.place.id for each in events.read(DOORS, key)} == {name for name in HOSTILE if name}
    events.put(OTHERS, [(Place("texts", NOON + n * _MOMENT, "t"), {"v": text}) for n, text in enumerate(texts)])
    found = [each.families["other"]["v"] for each in events.read(OTHERS, "texts")]
    assert [plainly(each) for each in found] == [plainly(each) for each in texts]
    events.close()


def nothing_is_written_beside_what_is_not_there(make_events: MakeEvents) -> None:
    """A row that was never put, or was erased, does not come to be by a mark; the others are marked."""
    events = make_events()
    (place, _), (gone, _) = rows = [row("here", NOON), row("gone", NOON)]
    assert events.mark(DOORS, "status", 1, [(place, {"n": b"1"})]) == [place]
    assert events.missing(DOORS, [place, gone]) == {place, gone}
    events.put(DOORS, rows)
    events.put(OTHERS, [(Place("door-1", NOON, "other"), {"n": b"1"})])
    assert events.missing(DOORS, [place, gone, Place("door-1", NOON, "other")]) == {Place("door-1", NOON, "other")}
    events.erase(DOORS, [gone])
    assert events.mark(DOORS, "status", 1, [(each, {"n": b"1"}) for each, _ in rows]) == [gone]
    assert [each.place for each in events.read(DOORS, "door-1")] == [place]
    assert events.missing(DOORS, []) == set()
    assert events.mark(DOORS, "status", 1, []) == []
    events.close()


def what_is_written_beside_is_the_newest_owners(make_events: MakeEvents) -> None:
    """Who was fenced off and comes late is not seen; families are apart; the event itself stays as it was."""
    events = make_events()
    many = [row(f"e{n}", NOON + n * _MOMENT) for n in range(300)]
    absent = [row(f"a{n}", NOON)[0] for n in range(150)]
    events.put(DOORS, many)
    assert events.missing(DOORS, [*(place for place, _ in many), *absent]) == set(absent)
    for fence, value in ((1, b"1"), (3, b"3"), (3, b"4"), (2, b"2")):
        assert events.mark(DOORS, "status", fence, [(place, {"n": value, "who": b'"x"'}) for place, _ in many]) == []
    assert events.mark(DOORS, "site", 1, [(many[0][0], {"n": b"9"})]) == []
    large = [(place, {"text": b'"%s"' % (b"x" * 150_000)}) for place, _ in many[-30:]]
    assert events.mark(DOORS, "site", 1, large) == []
    assert events.read(DOORS, "door-1", large[-1][0].at)[0].families["site"] == large[-1][1]
    first, *rest = events.read(DOORS, "door-1")
    status = {"n": b"4", "who": b'"x"'}
    assert first.families == {"event": many[0][1], "status": status, "site": {"n": b"9"}}
    assert all(each.families == {"event": {"v": b"1"}, "status": status} for each in rest[:-30])
    events.put(DOORS, many)
    assert events.read(DOORS, "door-1")[1:] == rest
    events.close()


def what_is_erased_is_gone(make_events: MakeEvents) -> None:
    """With what stood beside it; erasing it again does nothing, and it may be put anew."""
    events = make_events()
    rows = [row(f"e{n}", NOON) for n in range(9)]
    events.put(DOORS, rows)
    events.mark(DOORS, "status", 1, [(place, {"n": b"1"}) for place, _ in rows])
    for _ in range(2):
        events.erase(DOORS, [place for place, _ in rows[:5]])
    events.erase(DOORS, [])
    assert [each.place for each in events.read(DOORS, "door-1")] == [place for place, _ in rows[5:]]
    events.put(DOORS, rows[:1])
    assert events.read(DOORS, "door-1")[0] == seen(rows[0])
    events.close()


EVENTS_EXERCISES: tuple[Callable[[MakeEvents], None], ...] = (
    rows_come_back_in_the_order_of_their_times,
    what_is_written_again_is_there_once,
    a_range_of_time_has_its_first_moment_and_not_its_last,
    keys_and_ids_are_text_like_any_other,
    nothing_is_written_beside_what_is_not_there,
    what_is_written_beside_is_the_newest_owners,
    what_is_erased_is_gone,
)


def row(identifier: str, at: datetime, value: bytes = b"1") -> tuple[Place, Cells]:
    """A row of `door-1`."""
    return Place("door-1", at, identifier), {"v": value}


def seen(written: tuple[Place, Cells]) -> Event:
    """The row, as it is read when nothing stands beside it."""
    return Event(written[0], {"event": written[1]})


def plainly(value: bytes) -> object:
    """What a JSON text says."""
    return msgspec.json.decode(value)
