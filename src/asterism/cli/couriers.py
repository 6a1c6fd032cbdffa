"""What carries models onward beside the schedule of one `run`: a thread for each publication."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asterism.cli.verbs.publish import opened
from asterism.declare.publish import Publication
from asterism.errors import AsterismError, LockedError
from asterism.ports.tracer import Tracer
from asterism.project.load import Project
from asterism.run.trace import SILENT

if TYPE_CHECKING:
    from asterism.run.publish import Published
    from asterism.run.warehouse import Warehouse

LOOK_EVERY = 5.0
"""Seconds after which a courier looks whether there is anything to carry, though nobody called it."""
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 60.0
_FAREWELL = 10.0


@dataclass
class Couriers:
    """Threads that publish when they are called, and after a failure again, later each time.

    None delays another, nor the pulls: `turn` is held only while the warehouse is read. `done` and `failed` are called
    from the threads.
    """

    project: Project
    warehouse: Callable[[], Warehouse]
    turn: Callable[[], AbstractContextManager[None]]
    done: Callable[[Published], None]
    failed: Callable[[str, AsterismError], None]
    tracer: Tracer = SILENT
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: dict[threading.Thread, threading.Event] = field(default_factory=dict)

    def start(self) -> None:
        """Start a thread for each publication of this stage."""
        self._stop = threading.Event()
        for each in self.project.publications:
            called = threading.Event()
            name = f"publication {each.name}"
            arguments = (self.project, each, called, self._stop)
            thread = threading.Thread(target=self._carry, args=arguments, name=name, daemon=True)
            self._threads[thread] = called
            thread.start()

    def call(self) -> None:
        """Say that there may be something to carry."""
        for called in self._threads.values():
            called.set()

    def stop(self) -> None:
        """Stop after the transaction at hand; one that lasts is left, and comes to nothing."""
        self._stop.set()
        self.call()
        for thread in self._threads:
            thread.join(_FAREWELL)
        self._threads.clear()

    def adopt(self, project: Project) -> None:
        """Go on after the project's files were edited; a turn must not be held."""
        self.stop()
        self.project = project
        self.start()

    def _carry(
        self, project: Project, publication: Publication, called: threading.Event, stop: threading.Event
    ) -> None:
        from asterism.wire import Wiring

        delay, told = _FIRST_DELAY, ""
        while not stop.is_set():
            try:
                with Wiring(project.stage) as wiring:
                    publisher = opened(project, publication, wiring, self.warehouse, self._turns(publication, stop))
                    publisher.tracer = self.tracer
                    while not stop.is_set():
                        called.clear()
                        done: Any = publisher.step()
                        if told or done.tables or done.notices:
                            self.done(done)
                        delay, told = _FIRST_DELAY, ""
                        if not done.behind:
                            called.wait(LOOK_EVERY)
            except AsterismError as error:
                if stop.is_set():
                    return
                if str(error) != told:
                    told = str(error)
                    self.failed(f"publication {publication.name}", error)
                stop.wait(delay)
                delay = min(delay * 2, _LONGEST_DELAY)

    def _turns(self, publication: Publication, stop: threading.Event) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def turn() -> Iterator[None]:
            with self.turn():
                if stop.is_set():  # the warehouse may be closed by now
                    raise LockedError(publication.name, "the platform is stopping")
                yield

        return turn
