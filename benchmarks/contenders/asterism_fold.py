"""A live view that works off a log, both in SQLite files: read, decode, fold, keep states and position durably."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from asterism.adapters.sqlite.log import SqliteLog
from asterism.adapters.sqlite.state import SqliteState
from asterism.ports.log import Entry
from asterism.project.load import load
from asterism.run.records import Shape
from asterism.run.view import ViewWorker
from benchmarks.accesses import bodies
from benchmarks.hall import make

_AT_ONCE = 10_000


def main(events: int, scratch: str) -> dict[str, object]:
    with TemporaryDirectory(dir=scratch) as folder:
        make(Path(folder) / "hall")
        (view,) = load(Path(folder) / "hall").platform.views
        log, states = SqliteLog(Path(folder) / "log.db"), SqliteState(Path(folder) / "views.db")
        entries = [Entry(str(place), "", body, given=False) for place, body in enumerate(bodies(events))]
        for place in range(0, events, _AT_ONCE):
            log.append(view.stream.name, entries[place : place + _AT_ONCE], timedelta(0))
        del entries
        worker = ViewWorker(view, Shape(view.stream), log, states)
        started, used, folded = perf_counter(), process_time(), 0
        while folded < events:
            folded += worker.step(0.0)
        seconds, used = perf_counter() - started, process_time() - used
        log.close()
        states.close()
    return {"events": events / seconds, "cpu": used / seconds}


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
