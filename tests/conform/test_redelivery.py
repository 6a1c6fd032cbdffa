"""Every message twice, and in another order, changes nothing in tables, views or stored events: on each log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Literal
from uuid import uuid4

import msgspec
import pytest
from conftest import parquet

from asterism import Platform, Record
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.sqlite.events import SqliteEvents
from asterism.adapters.sqlite.log import SqliteLog
from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.view import View
from asterism.errors import StateError
from asterism.ports.events import Event, Events
from asterism.ports.log import Entry, Log
from asterism.ports.state import Kept, State
from asterism.run.consume import Writer
from asterism.run.records import Shape
from asterism.run.refold import rebuild
from asterism.run.store import StoreWorker
from asterism.run.streams import Streams
from asterism.run.view import worker
from asterism.run.warehouse import Warehouse

RECORDS = 60


class Access(Record):
    service: str
    event: Literal[1, -1]
    eventTime: datetime  # noqa: N815 - as its producers call it


class Inside(Record):
    persons: int = 0
    events: int = 0


def declared() -> Platform:
    platform = Platform("doors")
    accesses = platform.stream("accesses", Access, key="service")
    platform.store(accesses, at="eventTime")

    def counted(state: Inside, access: Access) -> Inside:
        return Inside(persons=state.persons + access.event, events=state.events + 1)

    @platform.view(accesses, family="status")
    def sensors(state: Inside, access: Access) -> Inside:
        return counted(state, access)

    @platform.view(accesses, key=None)
    def site(state: Inside, access: Access) -> Inside:
        return counted(state, access)

    @platform.view(accesses, after=accesses.table)
    def afterwards(state: Inside, access: Access) -> Inside:
        return counted(state, access)

    return platform


class Lossy:
    """A store whose connection is lost over the next put of a view's states, when it is told so."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.losing = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.state, name)

    def put(
        self, view: str, epoch: int, kept: Sequence[Kept], offsets: Mapping[str, int],
        note: Mapping[str, Any] | None = None, dropped: Collection[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        if self.losing and "~" not in view and kept:
            self.losing -= 1
            raise StateError(f"view {view}", "the connection was lost")
        self.state.put(view, epoch, kept, offsets, note, dropped)


class Doors:
    """The platform at work; its log and its states may be closed and opened again."""

    def __init__(
        self, folder: Path, open_log: Callable[[], Log], open_state: Callable[[], State], events: Events | None = None
    ) -> None:
        self.platform, self.open_log, self.open_state = declared(), open_log, open_state
        self.events = events or SqliteEvents(folder / "events.db")
        engine, lake = DuckDBEngine(folder / "warehouse.duckdb"), ObstoreLake((folder / "lake").as_uri())
        self.streams = Streams.of(self.platform.streams, DuckDBLines())
        self.warehouse = Warehouse(engine, lake, parquet(), (), streams=self.streams)
        self.warehouse.ledger.prepare()
        self.open()

    def open(self) -> None:
        self.log, self.state = self.open_log(), Lossy(self.open_state())
        self.writer = Writer(self.warehouse, self.streams, self.log, ["accesses"])
        (self.storing,) = storings = self.platform.storings
        self.store = StoreWorker(self.storing, self.log, self.events)
        self.views = [worker(each, self.log, self.state, storings, self.events) for each in self.platform.views]

    def close(self) -> None:
        self.log.close()
        self.state.close()

    def send(self, entries: Sequence[Entry]) -> None:
        self.log.append("accesses", entries, self.platform.streams[0].dedupe)

    def work(self, until: Callable[[], bool] = lambda: True) -> None:
        """Let all do what there is to do, until nothing is left and something is so."""
        idle = 0
        while idle < 3 or not until():
            found = self.writer.step().records + self.store.step()
            for each in self.views:
                try:
                    found += each.step(0.0)
                except StateError:
                    found += 1
            idle = 0 if found else idle + 1

    def table(self) -> list[tuple[Any, ...]]:
        return sorted(self.warehouse.session.rows("SELECT _id, service, event FROM streams.accesses"))

    def stored(self) -> list[Event]:
        return [each for n in range(3) for each in self.events.read(self.storing, f"door-{n}")]

    def folded(self) -> dict[str, dict[str, Any]]:
        return {
            view.name: {each.key: msgspec.json.decode(each.value) for each in self.state.scan(view.name)}
            for view in self.platform.views
        }


def accesses(count: int = RECORDS, first: int = 0) -> list[Entry]:
    made = []
    for number in range(first, first + count):
        service, event = f"door-{number % 3}", 1 if number % 5 else -1
        body = {"service": service, "event": event, "eventTime": f"2026-03-01T12:00:{number % 60:02d}"}
        made.append(Entry(f"a{number}", service, msgspec.json.encode(body)))
    return made


def expected(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """What any order of these makes."""
    sensors: dict[str, Any] = {}
    for each in entries:
        state = sensors.setdefault(each.key, {"persons": 0, "events": 0})
        state["persons"] += msgspec.json.decode(each.body)["event"]
        state["events"] += 1
    site = {name: sum(each[name] for each in sensors.values()) for name in ("persons", "events")}
    return {"sensors": sensors, "site": {"all": site}, "afterwards": sensors}


@pytest.fixture(params=["sqlite", "kinesis", "pubsub"])
def doors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Doors]:
    if request.param == "sqlite":
        made = Doors(tmp_path, lambda: SqliteLog(tmp_path / "log.db"), lambda: SqliteState(tmp_path / "views.db"))
    elif request.param == "kinesis":
        from asterism.adapters.aws.log import KinesisLog

        request.getfixturevalue("aws")
        uri = f"kinesis://t{uuid4().hex}?positions=t{uuid4().hex}"
        made = Doors(tmp_path, lambda: KinesisLog(uri), lambda: SqliteState(tmp_path / "views.db"))
    else:
        from asterism.adapters.gcp.events import BigtableEvents
        from asterism.adapters.gcp.log import PubSubLog
        from asterism.adapters.gcp.state import BigtableState

        for server in ("pubsub", "bigtable"):
            request.getfixturevalue(server)
        name = f"t{uuid4().hex}"
        made = Doors(
            tmp_path,
            lambda: PubSubLog(f"pubsub://project/{name}"),
            lambda: BigtableState(f"bigtable://project/instance/{name}"),
            BigtableEvents(f"bigtable://project/instance/{name}-events", ["event", "status"]),
        )
    yield made
    made.close()
    made.events.close()
    made.warehouse.engine.close()


def test_every_message_twice_and_in_another_order_changes_nothing(doors: Doors) -> None:
    sent = accesses()
    doors.send(sent)
    doors.work(lambda: doors.folded() == expected(sent))
    table, rows = doors.table(), doors.stored()
    assert len(table) == len(rows) == RECORDS
    assert all(each.families.keys() == {"event", "status"} for each in rows)
    random = Random(7)
    for _ in range(2):
        again = random.sample(sent, len(sent))
        for at in range(0, len(again), 7):
            doors.send([each._replace(key=f"other-{at}") for each in again[at : at + 7]])
    doors.work()
    assert doors.table() == table
    assert doors.stored() == rows
    assert doors.folded() == expected(sent)
    doors.send(new := accesses(5, first=RECORDS))
    doors.work(lambda: doors.folded() == expected([*sent, *new]))
    assert len(doors.table()) == len(doors.stored()) == RECORDS + 5


def test_what_was_read_by_one_that_died_is_taken_once_by_the_next(doors: Doors) -> None:
    sent = accesses()
    doors.send(sent[:20])
    doors.work(lambda: doors.folded() == expected(sent[:20]))
    doors.send(sent[20:40])
    doors.log.read("accesses", "warehouse", doors.views[0].offsets, 100)
    doors.close()
    doors.open()
    doors.send(sent[40:])
    doors.work(lambda: doors.folded() == expected(sent))
    assert len(doors.table()) == RECORDS


def test_ids_of_a_batch_whose_states_were_lost_do_not_count(doors: Doors) -> None:
    sent = accesses()
    doors.send(sent[:20])
    doors.work(lambda: doors.folded() == expected(sent[:20]))
    doors.state.losing = 3
    doors.send(sent[20:])
    doors.work(lambda: doors.folded() == expected(sent))
    assert doors.state.losing == 0


@pytest.mark.parametrize("name", ["sensors", "afterwards"])
def test_a_view_that_is_folded_anew_has_each_record_once(doors: Doors, name: str) -> None:
    sent = accesses()
    doors.send(sent[:40])
    doors.work(lambda: doors.folded() == expected(sent[:40]))
    doors.send(sent[40:])  # not landed yet
    view: View = next(each for each in doors.platform.views if each.name == name)
    keys = sorted(doors.warehouse.lake.list("raw/streams/accesses/"), key=lambda key: key.rpartition("/")[2])
    landed = (doors.streams.lines.unpack(doors.warehouse.lake.get(key)) for key in keys if key.endswith(".zst"))
    assert rebuild(view, Shape(view.stream), landed, doors.log, doors.state) in {40, 60}
    doors.work(lambda: doors.folded() == expected(sent))
    doors.send([each._replace(key="other") for each in sent])
    doors.work()
    assert doors.folded() == expected(sent)
