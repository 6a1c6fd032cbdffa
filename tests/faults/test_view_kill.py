"""kill -9 in the middle of folding: each record counts once, in its order; a view that stands still stops no other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event, Thread

import msgspec
import pytest
from faults.view_victim import STREAM, VIEWS, Reading, Story, stumble, tell

from asterism.adapters.sqlite.log import SqliteLog
from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.view import View
from asterism.errors import AsterismError, ViewError
from asterism.ports.log import Entry
from asterism.run.records import Shape
from asterism.run.view import ViewWorker

VICTIM = Path(__file__).with_name("view_victim.py")
NOON = datetime(2024, 1, 1, 12)
KILLS = 8
_PATIENCE = 120.0


class Scene:
    """A log that grows, and the store of the views."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.state = SqliteLog(folder / "log.db"), SqliteState(folder / "views.db")
        self.readings: list[Reading] = []
        self.rng = Random(5)

    def append(self, count: int) -> None:
        made = []
        for _ in range(count):
            minute = len(self.readings) // 20
            meter = f"m{self.rng.randrange(7)}"
            self.readings.append(
                Reading(meter=meter, value=self.rng.randrange(100), at=NOON + timedelta(minutes=minute))
            )
            body = msgspec.json.encode(self.readings[-1])
            made.append(Entry(f"r{len(self.readings)}", meter, body))
        self.log.append(STREAM.name, made, STREAM.dedupe)

    def states(self, view: View) -> dict[tuple[str, str], Story]:
        kept = self.state.scan(view.name, limit=100_000)
        return {(each.key, each.window): msgspec.json.decode(each.value, type=Story) for each in kept}

    def version(self, view: View) -> int:
        return self.state.watch(view.name, 0, limit=0)[0].version

    def is_read(self, view: View) -> bool:
        return dict(self.state.watch(view.name, 0, limit=0)[0].offsets) == dict(self.log.standing(STREAM.name).end)

    def expected(self, view: View) -> dict[tuple[str, str], Story]:
        """No record comes late: their times go up."""
        states: dict[tuple[str, str], Story] = {}
        for each in self.readings:
            starts = [""]
            if view.window:
                first = each.at.replace(minute=each.at.minute // 30 * 30)
                starts = [(first - timedelta(minutes=back)).isoformat() for back in (0, 30)]
            for start in starts:
                address = (each.meter if view.key else "all", start)
                states[address] = tell(states.get(address, Story()), each)
        return states


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.state.close()
    made.log.close()


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_view_that_is_killed_again_and_again_counts_each_record_once(scene: Scene) -> None:
    for _ in range(KILLS):
        before = scene.version(VIEWS[0])
        with subprocess.Popen([sys.executable, str(VICTIM), str(scene.folder)], stderr=subprocess.PIPE) as process:
            try:
                scene.append(500)
                until(lambda: process.poll() is not None or scene.version(VIEWS[0]) > before + 1)  # noqa: B023 - at once
                end = time.monotonic() + scene.rng.uniform(0, 0.2)
                while time.monotonic() < end:
                    scene.append(20)
                assert process.poll() is None, process.communicate()[1]
            finally:
                process.send_signal(signal.SIGKILL)
            errors = process.stderr.read() if process.stderr else b""
        assert errors == b""
    for view in VIEWS:
        worker = ViewWorker(view, Shape(STREAM), scene.log, scene.state)
        while worker.step(0):
            pass
        assert scene.is_read(view)
        assert scene.states(view) == scene.expected(view)


def test_a_view_that_stands_still_delays_no_other(scene: Scene) -> None:
    bad = replace(VIEWS[0], name="bad", fold=stumble)
    stop = Event()
    told: list[AsterismError] = []
    workers = [ViewWorker(view, Shape(STREAM), scene.log, scene.state) for view in (bad, *VIEWS)]
    threads = [Thread(target=each.run, args=(stop, told.append)) for each in workers]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            scene.append(100)
        until(lambda: all(map(scene.is_read, VIEWS)) and bool(told))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(scene.states(view) == scene.expected(view) for view in VIEWS)
    assert [(type(each), each.subject) for each in told] == [(ViewError, "view bad")]
    note = scene.state.watch("bad", 0, limit=0)[0].note
    first = next(number for number, each in enumerate(scene.readings, start=1) if each.value == 7)
    assert note["stopped"]["id"] == f"r{first}"
    assert sum(each.count for each in scene.states(bad).values()) == first - 1
