"""A process that is there to be killed: it pulls, refreshes or rebuilds, without end.

    python victim.py PROJECT STAGE pull|refresh|rebuild NOTE [PHASE:N]

NOTE is a file of `NOTE_SIZE` bytes, mapped into memory, that tells what is being done at this instant. With PHASE:N the
process kills itself on entering a phase for the N-th time, right there.
"""

from __future__ import annotations

import mmap
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

PHASES = (
    "starting", "polling", "landing", "manifest", "landed", "applying", "refreshing", "processed", "cursor",
    "committing",
)  # fmt: skip
"""What a pull does, in this order; `landed` is the moment between a manifest and the transaction."""
NOTE_SIZE = 16
LOADING = 1
"""The byte of the note that tells whether an initial load is under way; the first tells the phase."""


class Note:
    """What is being done, for another process to read; and the phase in which to die."""

    def __init__(self, path: Path, die: str = "") -> None:
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), NOTE_SIZE)
        self._deadly, _, times = die.partition(":")
        self._left = int(times or 0)

    def phase(self, name: str) -> None:
        self._shared[0] = PHASES.index(name)
        if name == self._deadly:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def loading(self, so: bool) -> None:
        self._shared[LOADING] = so

    def read(self) -> str:
        return ("load: " if self._shared[LOADING] else "") + PHASES[self._shared[0]]

    def now(self) -> str:
        return PHASES[self._shared[0]]


class NotedLake:
    """A lake that notes what is put."""

    def __init__(self, lake: Any, note: Note) -> None:
        self._lake, self._note = lake, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def put(self, key: str, data: bytes | Path) -> None:
        manifest = "/_manifests/" in key and key.startswith("raw/")
        self._note.phase("processed" if key.startswith("processed/") else "manifest" if manifest else "landing")
        self._lake.put(key, data)
        if manifest:
            self._note.phase("landed")


class NotedEngine:
    """An engine that notes what its statements are about."""

    def __init__(self, engine: Any, note: Note) -> None:
        self._engine, self._note, self._inside = engine, note, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._engine.transaction():
            self._inside = True
            self._note.phase("applying")
            yield
            self._inside = False
            self._note.phase("committing")
        self._note.phase("polling")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        if self._inside:
            if re.search(r"_asterism(\.|__)cursors", sql.replace('"', "")):
                self._note.phase("cursor")
            elif re.search(r'["`](fact|dim)_', sql):
                self._note.phase("refreshing")
        return int(self._engine.execute(sql, parameters))

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self.execute(sql, parameters)


def main(root: str, stage: str, verb: str, note_path: str, die: str = "") -> None:
    from asterism.project.load import load
    from asterism.run.batch import Ahead
    from asterism.run.rebuild import rebuild, refresh
    from asterism.run.warehouse import Warehouse
    from asterism.wire import Wiring

    project = load(Path(root), stage)
    note = Note(Path(note_path), die)
    (declared,) = project.pulls
    with ExitStack() as stack:
        wiring = stack.enter_context(Wiring(project.stage))
        models = tuple(project.models.values())
        engine, lake = NotedEngine(wiring.engine(), note), NotedLake(wiring.lake(), note)
        warehouse = Warehouse(engine, lake, wiring.parquet(), models)
        source = wiring.source(declared)
        ahead = stack.enter_context(Ahead(warehouse, declared.into, source))
        position = warehouse.ledger.position(declared.into)
        note.loading(position is None or position.loading)
        note.phase("polling")
        steps: dict[str, Callable[[int], object]] = {
            "pull": lambda number: pull_once(warehouse, declared, source, note, ahead, reconcile=number % 3 == 0),
            "refresh": lambda _: refresh(warehouse, full=True),
            "rebuild": lambda _: rebuild(warehouse, (declared.into,)),
        }
        for number in count(1):
            steps[verb](number)


def pull_once(warehouse: Any, declared: Any, source: Any, note: Note, ahead: Any, *, reconcile: bool) -> None:
    from asterism.run.pull import pull_step

    done = pull_step(warehouse, declared, source, reconcile=reconcile, ahead=ahead)
    note.loading(not done.complete)
    note.phase("polling")


if __name__ == "__main__":
    main(*sys.argv[1:])
