"""Stored events: what has no row, who waits for one, and what is erased."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import Database
from kernel.listlog import ListLog
from platforms import Small

from asterism import Platform, Record
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.sqlite.events import SqliteEvents
from asterism.adapters.sqlite.state import SqliteState
from asterism.errors import StateError
from asterism.ports.log import Entry, Logged
from asterism.run.erase import Eraser
from asterism.run.queues import consumers
from asterism.run.records import Shape, landed
from asterism.run.refold import rebuild
from asterism.run.store import Beside, StoreWorker, as_json, read
from asterism.run.view import worker
from asterism.views import tumbling


class Passing(Record):
    door: int
    way: int
    at: datetime | None = None


class Inside(Record):
    persons: int = 0


def declared(keep: str | None = None) -> Platform:
    platform = Platform("doors")
    passings = platform.stream("passings", Passing, key="door", keep=keep)
    platform.store(passings, at="at")

    @platform.view(passings, family="status")
    def inside(state: Inside, passing: Passing) -> Inside:
        return Inside(persons=state.persons + passing.way)

    return platform


class Doors(Small):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.model = False
        self.state, self.events = SqliteState(self.folder / "views.db"), SqliteEvents(self.folder / "events.db")
        (self.storing,), (view,) = self.platform.storings, self.platform.views
        self.store = StoreWorker(self.storing, self.log, self.events)
        self.view = worker(view, self.log, self.state, [self.storing], self.events)

    def passed(self, *records: tuple[str, dict[str, Any]]) -> None:
        self.send("passings", *((ident, msgspec.json.encode(record)) for ident, record in records))

    def rows_of(self, door: int) -> list[dict[str, Any]]:
        return [as_json(each) for each in self.events.read(self.storing, str(door))]

    @property
    def eraser(self) -> Eraser:
        stored = (self.storing,)
        return Eraser(self.warehouse, self.streams, (), self.log, storings=stored, events=self.events)


def at(minute: int, **more: Any) -> dict[str, Any]:
    return {"door": 1, "way": 1, "at": f"2026-03-01T12:{minute:02d}:00", **more}


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    made = Doors(tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb"), declared(), model=False)
    yield made
    made.warehouse.engine.close()


def test_a_row_has_the_fields_as_they_came_at_the_time_of_the_event(doors: Doors) -> None:
    doors.passed(("b", at(5, at="2026-03-01T13:05:00+01:00", more=[1])), ("a", at(4)))
    assert doors.store.step() == 2
    first, second = doors.rows_of(1)
    assert first == {"id": "a", "at": "2026-03-01T12:04:00", "event": at(4)}
    assert second["at"] == "2026-03-01T12:05:00"
    assert second["event"] == at(5, at="2026-03-01T13:05:00+01:00", more=[1])
    assert consumers(doors.platform, "passings").keys() == {"warehouse", "events", "view:inside"}


def test_what_has_no_time_is_set_aside_and_the_next_goes_on(doors: Doors) -> None:
    doors.passed(("a", at(1, at=None)), ("b", at(2)))
    doors.store.step()
    doors.work()
    ((place, reason, record),) = doors.rows("SELECT place, reason, record_id FROM streams._quarantine")
    assert (place, reason, record) == ("the event store", "it has no at, by which events are stored", "a")
    assert [each["id"] for each in doors.rows_of(1)] == ["b"]
    assert doors.view.step(0.0) == 2  # a view waits for no row that cannot be
    assert doors.rows_of(1)[0]["status"] == {"persons": 2}
    ((item,),) = doors.rows("SELECT _id FROM streams._quarantine")
    assert "drop it" in doors.review.replay([item]).refused[0][1]


def test_a_time_that_cannot_be_told_is_no_row_and_ends_nothing(doors: Doors) -> None:
    doors.passed(("a", at(1, at="9999-12-31T23:59:59-12:00")), ("b", at(2)))
    doors.store.step()
    doors.work()
    assert doors.rows("SELECT record_id FROM streams._quarantine WHERE place = 'the event store'") == [("a",)]
    ends = (datetime.fromisoformat(f"{end}-12:00") for end in ("0001-01-01T00:00:00", "9999-12-31T23:59:59"))
    assert [each.place.id for each in read(doors.events, doors.platform.storings[0], "1", *ends, limit=9)] == ["b"]


def test_a_view_folds_nothing_of_which_the_row_is_not_there(doors: Doors) -> None:
    doors.passed(("a", at(1)), ("b", at(2)))
    assert doors.view.step(0.0) == 0
    assert doors.view.is_waiting
    with pytest.raises(StateError, match="not in the event store yet"):
        doors.view.take(doors.log.read("passings", "test", {}, 10))
    assert doors.state.scan("inside") == []
    doors.store.step()
    assert doors.view.step(0.0) == 2
    assert not doors.view.is_waiting
    assert [each["status"] for each in doors.rows_of(1)] == [{"persons": 1}, {"persons": 2}]


def test_what_comes_again_after_it_was_erased_holds_nobody_up(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the log takes a record twice, the second may come when its row is gone."""
    monkeypatch.setattr("kernel.listlog.NOW", time.time_ns() // 1_000)
    log = ListLog(dedupes=False)
    store = StoreWorker(doors.storing, log, doors.events)
    view = worker(doors.platform.views[0], log, doors.state, [doors.storing], doors.events)
    entry = partial(Entry, key="1", given=True)
    log.append("passings", [entry("a", body=msgspec.json.encode(at(1)))], timedelta(0))
    store.step()
    assert view.step(0.0) == 1
    log.append("passings", [entry("a", body=msgspec.json.encode(at(1)))], timedelta(0))
    doors.events.erase(doors.storing, [each.place for each in doors.events.read(doors.storing, "1")])
    assert view.step(0.0) == 1
    log.append("passings", [entry("b", body=msgspec.json.encode(at(2)))], timedelta(0))
    assert view.step(0.0) == 0
    store.step()
    assert view.step(0.0) == 1
    assert [each["status"] for each in doors.rows_of(1) if "status" in each] == [{"persons": 2}]


def test_a_row_that_does_not_come_within_the_hour_is_waited_for_no_longer(doors: Doors) -> None:
    """Erased, where the log could not let go of the record."""
    beside = Beside(doors.storing, "status", doors.events)
    now = int(time.time() * 1_000_000)
    body = msgspec.json.encode(at(1))
    old, new = (Logged("0", n, f"r{n}", "1", now - n * 3_700_000_000, body) for n in (1, 0))
    assert beside.standing([old, new]) == 1
    beside.write(1, [(old, b'{"persons":1}')])
    assert doors.rows_of(1) == []


def test_a_view_made_anew_leaves_what_it_wrote_and_writes_what_it_had_not_read(doors: Doors) -> None:
    doors.passed(("a", at(1)))
    doors.store.step()
    doors.view.step(0.0)
    doors.passed(("b", at(2)))
    doors.store.step()
    doors.events.mark(doors.storing, "status", 99, [(doors.events.read(doors.storing, "1")[0].place, {"old": b"true"})])
    view = doors.platform.views[0]
    lines = landed(doors.log.read("passings", "test", {}, 1))
    beside = Beside(doors.storing, "status", doors.events)
    assert rebuild(view, Shape(view.stream), [lines], doors.log, doors.state, beside) == 2
    assert [each["status"] for each in doors.rows_of(1)] == [{"old": True}, {"persons": 2}]


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_who_is_erased_is_in_no_row(request: pytest.FixtureRequest, tmp_path: Path, engine: str) -> None:
    if engine == "duckdb":
        doors = Doors(tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb"), declared(), model=False)
    else:
        make_database: Callable[[], Database] = request.getfixturevalue("make_database")
        url = make_database().url
        doors = Doors(tmp_path, lambda: PostgresEngine(url), declared(), model=False)
    micro = "2026-03-01T12:30:00.123456"
    doors.passed(
        *((f"r{n}", at(n, door=n % 2)) for n in range(10)), ("zacharias", at(30, at=micro)), ("n", at(1, at=None))
    )
    doors.store.step()
    doors.view.step(0.0)
    doors.work()
    done = doors.eraser.where(doors.stream("passings"), 'door = 1 and (minute("at") >= 5 or "at" is null)')
    assert done.records == {"passings": 5}
    assert [each["id"] for each in doors.rows_of(1)] == ["r1", "r3"]
    assert len(doors.rows_of(0)) == 5
    doors.state.close()
    doors.events.close()
    assert b"zacharias" not in (tmp_path / "events.db").read_bytes()
    doors.warehouse.engine.close()


def test_what_is_past_its_time_is_in_no_row(tmp_path: Path) -> None:
    doors = Doors(tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb"), declared("1h"), model=False)
    doors.passed(("old", at(1)))
    doors.store.step()
    doors.work()
    doors.rows("UPDATE streams.passings SET _received_at = _received_at - INTERVAL 2 HOUR RETURNING 1")
    doors.passed(("new", at(2)))
    doors.store.step()
    doors.work()
    assert doors.eraser.expired().records == {"passings": 1}
    assert [each["id"] for each in doors.rows_of(1)] == ["new"]
    doors.warehouse.engine.close()


def test_a_declaration_that_could_not_find_its_events_again_is_refused() -> None:
    platform = Platform("doors")
    passings = platform.stream("passings", Passing, key="door")
    with pytest.raises(ValueError, match="events that are not stored"):
        platform.view(passings, family="status")(lambda state, _: state)
    with pytest.raises(ValueError, match="a datetime of its record"):
        platform.store(passings, at="way")
    with pytest.raises(ValueError, match="a datetime of its record"):
        platform.store(platform.stream("anything", key="door"), at="at")
    with pytest.raises(ValueError, match="a text or a number"):
        platform.store(platform.stream("keyless", Passing), at="at")
    with pytest.raises(ValueError, match="no name of a column family"):
        platform.store(passings, at="at", family="a b")
    platform.store(passings, at="at")
    with pytest.raises(ValueError, match="stored twice"):
        platform.store(passings, at="at")

    def inside(state: Inside, _: Passing) -> Inside:
        return state

    with pytest.raises(ValueError, match="it is another's"):
        platform.view(passings, family="event")(inside)
    with pytest.raises(ValueError, match="has windows"):
        platform.view(passings, family="status", window=tumbling("at", timedelta(hours=1)))(inside)
