"""What works beside the schedule of one `run`: transforms and live views on threads, and the HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from asterism.errors import AsterismError
from asterism.ports.logger import Form
from asterism.ports.tracer import Tracer
from asterism.project.load import Project
from asterism.run.trace import SILENT

if TYPE_CHECKING:
    from asterism.http.process import HttpProcess
    from asterism.wire import Wiring

_WAIT = 0.5
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 30.0
Tell = Callable[[str, AsterismError], None]


@dataclass
class Crew:
    """Starts them, sees that they live, stops them. `tell` is called from their threads with who failed, and how."""

    project: Project
    wiring: Wiring
    tell: Tell
    serve: tuple[str, int] | None = None
    """Host and port of the HTTP server; None: none is started."""
    well: Callable[[str], None] = lambda _name: None
    """Called from the same threads with who had failed, and works again."""
    tracer: Tracer = SILENT
    log_format: Form = "text"
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _http: HttpProcess | None = None

    @property
    def address(self) -> str:
        """Where the HTTP server answers; empty where there is none."""
        return self._http.url if self._http is not None else ""

    def start(self) -> None:
        """Start all. Raises AsterismError where the HTTP server does not come up."""
        from asterism.run.store import StoreWorker
        from asterism.run.transform import TransformWorker
        from asterism.run.view import worker as view_worker

        self._stop.clear()
        platform = self.project.platform
        if platform.streams:
            log = self.wiring.log()
            for transform in platform.transforms:
                worker = TransformWorker(transform, log)
                self._begin(f"transform {transform.name}", self._repeating(f"transform {transform.name}", worker.step))
            storings, events = platform.storings, self.wiring.events(self.project)
            if events is not None:
                for each in storings:
                    name = f"the event store, of {each.stream.name}"
                    self._begin(name, self._repeating(name, StoreWorker(each, log, events).step))
            for view in platform.views:
                views = view_worker(view, log, self.wiring.states(), storings, events)
                views.tracer = self.tracer
                name = f"view {view.name}"
                self._begin(name, partial(views.run, self._stop, self._telling(name), partial(self.well, name)))
        if self.serve is not None and self._http is None:
            self._open(*self.serve)

    def stop(self) -> None:
        """Stop all, each after the batch at hand."""
        self._stop.set()
        if self._http is not None:
            self._http.stop()
            self._http = None
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def adopt(self, project: Project) -> None:
        """Go on with the same project after its files were edited."""
        self.stop()
        self.project = project
        self.start()

    def look(self) -> bool:
        """Start the HTTP server again where it died; that is all. Raises AsterismError where it does not come up."""
        if self.serve is not None and (self._http is None or not self._http.alive):
            self._open(*self.serve)
        return False

    def muster(self) -> bool:
        """See that all threads live; that is all. Raises AsterismError as long as one is dead: a fault of ours."""
        dead = [each.name for each in self._threads if not each.is_alive()]
        if dead and not self._stop.is_set():
            remedy = "Report this, with what stderr says; until `run` is started again, nothing does its work."
            raise AsterismError(dead[0], "has ended by a fault of its own", remedy)
        return False

    def _open(self, host: str, port: int) -> None:
        from asterism.http.process import HttpProcess

        self._http = HttpProcess(self.project.root, self.project.stage.name, host, port, log_format=self.log_format)
        self._http.start()
        self.serve = (host, self._http.port)  # a free port that was found once stays the one

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _telling(self, name: str) -> Callable[[AsterismError], None]:
        return lambda error: self.tell(name, error)

    def _repeating(self, name: str, step: Callable[[float], Any]) -> Callable[[], None]:
        """A step over and over; after a failure later each time, told once."""

        def work() -> None:
            delay, told = _FIRST_DELAY, ""
            while not self._stop.is_set():
                try:
                    step(_WAIT)
                    if told:
                        self.well(name)
                    delay, told = _FIRST_DELAY, ""
                except AsterismError as error:
                    if str(error) != told:
                        told = str(error)
                        self.tell(name, error)
                    self._stop.wait(delay)
                    delay = min(delay * 2, _LONGEST_DELAY)

        return work
