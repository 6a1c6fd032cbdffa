"""What a live view tells of stands in its stream once: over redelivery, death, and a rebuild."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kernel.listlog import ListLog

from asterism import Platform
from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.declare.view import View
from asterism.errors import LogError, ViewError
from asterism.ports.log import Entry
from asterism.ports.state import Kept
from asterism.run.records import Shape, landed
from asterism.run.refold import rebuild
from asterism.run.view import ViewWorker


class Paid(Record):
    who: str
    amount: int


class Alarm(Record):
    who: str
    total: int


class Total(Record):
    total: int = 0


def watch(state: Total, paid: Paid) -> tuple[Total, list[Alarm]]:
    """An alarm at each full hundred."""
    total = state.total + paid.amount
    if paid.amount == 13:
        return Total(total=total), [Alarm(who=paid.who, total="much")]  # type: ignore[arg-type]
    alarms = [Alarm(who=paid.who, total=each * 100) for each in range(state.total // 100 + 1, total // 100 + 1)]
    return Total(total=total), alarms


PAID, ALARMS = Stream("paid", Paid, key="who"), Stream("alarms", Alarm, key="who")
VIEW = View("watch", PAID, watch, Total, "who", into=ALARMS)


class Torn(SqliteState):
    """Dies before a put that holds states, as often as it is told to."""

    deaths = 0

    def put(self, view: str, epoch: int, kept: Any, *rest: Any, **more: Any) -> None:
        if kept and self.deaths:
            self.deaths -= 1
            raise MemoryError
        super().put(view, epoch, kept, *rest, **more)


class Full(ListLog):
    """Takes nothing into the stream that it is told."""

    full = ""

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:
        if stream == self.full:
            raise LogError("the log", "the disk is full")
        return super().append(stream, entries, dedupe)


class Scene:
    """A stream, its view, and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.log, self.state = Full(), Torn(folder / "views.db")

    def pay(self, *amounts: int, who: str = "jo") -> None:
        start = len(self.log.streams["paid"])
        bodies = [msgspec.json.encode(Paid(who=who, amount=each)) for each in amounts]
        self.log.append("paid", [Entry(f"p{start + n}", who, body) for n, body in enumerate(bodies)], timedelta(1))

    def worker(self) -> ViewWorker:
        return ViewWorker(VIEW, Shape(PAID), self.log, self.state)

    def told(self) -> list[tuple[str, int]]:
        return [(each.id, msgspec.json.decode(each.body, type=Alarm).total) for each in self.log.streams["alarms"]]

    def total(self) -> int:
        kept: list[Kept] = self.state.scan("watch")
        return msgspec.json.decode(kept[0].value, type=Total).total


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.state.close()


def test_what_a_fold_tells_of_is_appended_under_the_ids_of_its_records(scene: Scene) -> None:
    scene.pay(50, 60, 250, 1)
    scene.worker().step(0)
    assert scene.told() == [("watch/p1/0", 100), ("watch/p2/0", 200), ("watch/p2/1", 300)]
    assert scene.log.streams["alarms"][0].key == "jo"
    assert scene.total() == 361


def test_dying_between_the_telling_and_the_states_tells_nothing_twice(scene: Scene) -> None:
    scene.pay(150)
    scene.state.deaths = 1
    with pytest.raises(MemoryError):
        scene.worker().step(0)
    assert scene.told() == [("watch/p0/0", 100)]
    scene.pay(60)
    scene.worker().step(0)
    assert scene.told() == [("watch/p0/0", 100), ("watch/p1/0", 200)]
    assert scene.total() == 210


def test_a_stream_that_cannot_take_it_keeps_the_states_where_they_were(scene: Scene) -> None:
    scene.pay(150)
    worker = scene.worker()
    scene.log.full = "alarms"
    with pytest.raises(LogError):
        worker.step(0)
    scene.log.full = ""
    worker.step(0)
    assert scene.told() == [("watch/p0/0", 100)]


def test_a_record_that_does_not_fit_the_stream_stops_the_view_there(scene: Scene) -> None:
    scene.pay(100, 13, 100)
    with pytest.raises(ViewError, match="stands still at record p1"):
        scene.worker().step(0)
    assert scene.told() == [("watch/p0/0", 100)]
    assert scene.total() == 100


def test_a_rebuild_tells_nothing_again(scene: Scene) -> None:
    scene.pay(150, 100)
    scene.worker().step(0)
    before = scene.told()
    lines = landed(scene.log.streams["paid"])
    scene.log.streams["alarms"].clear()
    scene.log._given["alarms"].clear()  # as long after: the log remembers no ids
    rebuild(VIEW, Shape(PAID), [lines], scene.log, scene.state)
    assert len(before) == 2
    assert scene.told() == []
    assert scene.total() == 250


def test_a_view_with_windows_tells_of_nothing() -> None:
    from asterism.views import tumbling

    platform = Platform("p")
    paid = platform.stream("s", Paid)
    with pytest.raises(ValueError, match="leave out window or into"):
        platform.view(paid, window=tumbling("at", "1h"), into=platform.stream("t"))


def test_a_view_does_not_tell_into_its_own_stream() -> None:
    platform = Platform("p")
    paid = platform.stream("s", Paid)
    with pytest.raises(ValueError, match="the stream that it reads"):
        platform.view(paid, into=paid)
