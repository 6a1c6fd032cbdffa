"""Whatever happens to its workers: a live view is the fold of the distinct records in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.declare.view import View, Window
from asterism.errors import StateError, ViewError
from asterism.ports.log import Entry
from asterism.run.records import Shape, landed
from asterism.run.refold import rebuild
from asterism.run.view import ViewWorker, skip
from kernel.listlog import ListLog

NOON = datetime(2024, 1, 1, 12)
BAD = 13


class Reading(Record):
    meter: str
    value: int
    at: datetime


class Story(Record):
    values: tuple[int, ...] = ()


def fold(state: Story, record: Reading) -> Story:
    if record.value == BAD:
        raise ValueError("bad")
    return Story(values=(*state.values, record.value))


class Happening(NamedTuple):
    """Something that happens: what, and to which worker or record."""

    what: str
    which: int = 0
    number: int = 0


class Brittle:
    """A state whose next put may fail before it, after it, or half-way as in a store without transactions."""

    def __init__(self, state: SqliteState) -> None:
        self._state = state
        self.fate = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    def put(
        self, view: str, epoch: int, kept: Sequence[Any], offsets: Any, note: Any = None, dropped: Any = ()
    ) -> None:
        fate, self.fate = self.fate, ""
        if fate == "torn":
            header = self._state.watch(view, 0, limit=0)[0]
            self._state.put(view, epoch, kept[::2], header.offsets)
        if fate in {"", "after"}:
            self._state.put(view, epoch, kept, offsets, note, dropped)
        if fate:
            raise StateError("the state", f"failed: {fate}")


class World:
    """A log, a store, two places for workers, and what happens to them."""

    def __init__(self, view: View, folder: Path) -> None:
        self.view, self.shape = view, Shape(view.stream)
        self.log = ListLog()
        self.path = folder / "views.db"
        self.state = Brittle(SqliteState(self.path))
        self.workers = [self.worker(), self.worker()]
        self.landed: list[bytes] = []

    def worker(self) -> ViewWorker:
        return ViewWorker(self.view, self.shape, self.log, self.state)

    def append(self, number: int, reading: Reading) -> None:
        self.log.append("s", [Entry(f"r{number}", reading.meter, msgspec.json.encode(reading))], timedelta(1))

    def happen(self, each: Happening) -> None:
        event(each.what)
        self.log.again, self.log.most = each.number % 4, 1 + each.number
        if each.what == "step":
            self.step(each.which)
        elif each.what == "restart":
            self.state.close()
            self.state = Brittle(SqliteState(self.path))
            self.workers = [self.worker(), self.worker()]
        elif each.what == "claim":
            self.workers[each.which].claim()
        elif each.what == "skip":
            self.skip()
        elif each.what == "land":
            self.landed.append(landed(self.log.streams["s"]))  # again and again what was landed before
        elif each.what == "rebuild":
            with suppress(ViewError):
                rebuild(self.view, self.shape, self.landed, self.log, self.state)
        else:
            self.state.fate = each.what
            self.step(each.which)
            self.state.fate = ""

    def step(self, which: int) -> int:
        try:
            return self.workers[which].step(0)
        except (ViewError, StateError):
            return 1

    def skip(self) -> None:
        stopped = self.state.watch("v", 0, limit=0)[0].note.get("stopped")
        if stopped:
            skip(self.state, self.view, stopped["id"])

    def settle(self) -> None:
        while self.step(0):
            self.skip()

    def states(self) -> dict[tuple[str, str], Story]:
        return {(e.key, e.window): msgspec.json.decode(e.value, type=Story) for e in self.state.scan("v", limit=10_000)}


def expected(view: View, readings: Sequence[Reading]) -> tuple[dict[tuple[str, str], Story], list[str], int]:
    """States, the ids of those that come too late, and how many are skipped: thought through once more, plainly."""
    states: dict[tuple[str, str], Story] = {}
    late, skipped, seen = [], 0, {}
    for number, each in enumerate(readings):
        partition, window = each.meter[0], view.window
        if window and each.at < seen.get(partition, each.at) - window.lateness:
            late.append(f"r{number}")
        elif each.value == BAD:
            skipped += 1
        else:
            seen[partition] = max(each.at, seen.get(partition, each.at))
            key = getattr(each, view.key) if view.key else "all"
            for start in starts(window, each.at) if window else [""]:
                states[key, start] = fold(states.get((key, start), Story()), each)
    return states, late, skipped


def starts(window: Window, at: datetime) -> Iterator[str]:
    start = datetime(2024, 1, 1)
    while start <= at:
        if at < start + window.size:
            yield start.isoformat()
        start += window.hop


readings = st.builds(
    Reading,
    meter=st.sampled_from(["a1", "a2", "b1", "c1"]),
    value=st.integers(0, 12) | st.just(BAD),
    at=st.integers(-90, 90).map(lambda minutes: NOON + timedelta(minutes=minutes)),
)
happenings = st.builds(
    Happening,
    what=st.sampled_from(["step"] * 5 + ["restart", "claim", "skip", "land", "rebuild", "before", "after", "torn"]),
    which=st.integers(0, 1),
    number=st.integers(0, 8),
)
hours, half, tolerance = timedelta(hours=1), timedelta(minutes=20), timedelta(minutes=45)
WINDOWS = {"none": None, "tumbling": Window("at", hours, hours, tolerance), "hopping": Window("at", hours, half)}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("key", ["meter", None])
@given(life=st.lists(readings | happenings, min_size=15, max_size=60))
@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
def test_a_view_is_the_fold_of_the_distinct_records(key: str | None, window: str, life: list[Any]) -> None:
    view = View("v", Stream("s", Reading, key="meter"), fold, Story, key, window=WINDOWS[window])
    with world(view) as made:
        told: list[Reading] = []
        for each in life:
            if isinstance(each, Reading):
                made.append(len(told), each)
                told.append(each)
            elif key or each.what != "torn":  # a store without transactions needs keys that stay in one partition
                made.happen(each)
        made.settle()
        states, late, skipped = expected(view, told)
        assert made.states() == states
        quarantined = [msgspec.json.decode(each.body)["record_id"] for each in made.log.streams["_quarantine"]]
        assert sorted(quarantined) == sorted(late)
        note = made.state.watch("v", 0, limit=0)[0].note
        assert (note.get("late", 0), note.get("skipped", 0)) == (len(late), skipped)


@contextmanager
def world(view: View) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        made = World(view, Path(folder))
        try:
            yield made
        finally:
            made.state.close()
