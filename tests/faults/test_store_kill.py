"""kill -9 in the middle of storing: each event is one row, and beside it stands what the view had counted with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from faults.store_victim import STORING, VIEW, opened
from faults.test_view_kill import Scene, until
from faults.view_victim import Story, tell

from asterism.run.store import StoreWorker
from asterism.run.view import worker

VICTIM = Path(__file__).with_name("store_victim.py")
KILLS = 4


@pytest.mark.parametrize("store", ["sqlite", "bigtable"])
def test_each_event_is_one_row_however_often_its_writers_are_killed(
    request: pytest.FixtureRequest, tmp_path: Path, store: str
) -> None:
    uri = str(tmp_path / "events.db")
    if store == "bigtable":
        request.getfixturevalue("bigtable")
        uri = f"bigtable://project/instance/t{uuid4().hex}"
    scene = Scene(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(VICTIM.parents[1])}
    command = [sys.executable, str(VICTIM), str(scene.folder), uri]
    for _ in range(KILLS):
        before = scene.version(VIEW)
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
            try:
                scene.append(300)
                until(lambda: process.poll() is not None or scene.version(VIEW) > before + 1)  # noqa: B023 - at once
                end = time.monotonic() + scene.rng.uniform(0, 0.2)
                while time.monotonic() < end:
                    scene.append(20)
                assert process.poll() is None, process.communicate()[1]
            finally:
                process.send_signal(signal.SIGKILL)
            errors = process.stderr.read() if process.stderr else b""
        assert errors == b""
    events = opened(uri)
    last, view = StoreWorker(STORING, scene.log, events), worker(VIEW, scene.log, scene.state, [STORING], events)
    while last.step() or view.step(0.0):
        pass
    stories: dict[str, Story] = {}
    expected = {}
    for number, each in enumerate(scene.readings, start=1):
        stories[each.meter] = story = tell(stories.get(each.meter, Story()), each)
        expected[f"r{number}"] = (each.meter, msgspec.to_builtins(story))
    found = [each for meter in stories for each in events.read(STORING, meter, limit=100_000)]
    assert len(found) == len(expected)
    for row in found:
        status = {name: msgspec.json.decode(value) for name, value in row.families["status"].items()}
        assert (row.place.key, status) == expected[row.place.id]
    for each in (events, scene.state, scene.log):
        each.close()
