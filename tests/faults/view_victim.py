"""A process that is there to be killed: it folds the live views of one stream.

python view_victim.py FOLDER
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from asterism.adapters.sqlite.log import SqliteLog
from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.declare.view import View, Window
from asterism.errors import AsterismError
from asterism.run.records import Shape
from asterism.run.view import ViewWorker


class Reading(Record):
    meter: str
    value: int
    at: datetime


class Story(Record):
    count: int = 0
    digest: int = 0


def tell(state: Story, record: Reading) -> Story:
    """Hangs on each value and on the order."""
    return Story(count=state.count + 1, digest=(state.digest * 31 + record.value) % 1_000_003)


def stumble(state: Story, record: Reading) -> Story:
    if record.value == 7:
        raise ValueError("seven")
    return tell(state, record)


STREAM = Stream("readings", Reading, key="meter")
VIEWS = (
    View("meters", STREAM, tell, Story, "meter"),
    View("everything", STREAM, tell, Story, None),
    View("hours", STREAM, tell, Story, "meter", window=Window("at", timedelta(hours=1), timedelta(minutes=30))),
)


def complain(error: AsterismError) -> None:
    sys.stderr.write(f"{error}\n")


def main(folder: Path) -> None:
    log, state = SqliteLog(folder / "log.db"), SqliteState(folder / "views.db")
    threads = [
        Thread(target=ViewWorker(view, Shape(STREAM), log, state).run, args=(Event(), complain)) for view in VIEWS
    ]
    for thread in threads:
        thread.start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
