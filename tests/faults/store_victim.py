"""A process that is there to be killed: it stores the events of one stream, and a view writes beside them.

python store_victim.py FOLDER EVENTS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from faults.view_victim import STREAM, VIEWS, complain

from asterism.adapters.sqlite.log import SqliteLog
from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.storing import storing
from asterism.errors import AsterismError
from asterism.ports.events import Events
from asterism.run.store import StoreWorker
from asterism.run.view import worker

STORING = storing(STREAM, "at", "event")
VIEW = replace(VIEWS[0], family="status")
FAMILIES = ("event", "status")


def opened(uri: str) -> Events:
    if uri.startswith("bigtable:"):
        from asterism.adapters.gcp.events import BigtableEvents

        return BigtableEvents(uri, FAMILIES)
    from asterism.adapters.sqlite.events import SqliteEvents

    return SqliteEvents(Path(uri))


def main(folder: Path, uri: str) -> None:
    log, state, events = SqliteLog(folder / "log.db"), SqliteState(folder / "views.db"), opened(uri)
    view = worker(VIEW, log, state, [STORING], events)
    Thread(target=view.run, args=(Event(), complain)).start()
    store = StoreWorker(STORING, log, events)
    while True:
        try:
            store.step(0.05)
        except AsterismError as error:
            complain(error)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
