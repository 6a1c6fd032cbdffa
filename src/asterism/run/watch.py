"""What runs too long, or for nobody, is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from asterism.ports.reader import Reader

_EVERY = 0.03
"""Seconds between two looks at what runs."""

Reason = Literal["", "late", "gone"]


@dataclass(eq=False, slots=True)
class Watched:
    """A question that runs. `reason` says why it was stopped, empty where it was not."""

    reader: Reader
    until: float
    gone: Callable[[], bool]
    reason: Reason = ""


class Watch:
    """One thread that looks after the questions of many, while there are any."""

    def __init__(self) -> None:
        self._running: set[Watched] = set()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, reader: Reader, seconds: float, gone: Callable[[], bool]) -> Iterator[Watched]:
        """Interrupt `reader` once so many seconds have passed, or nobody waits any more; never after the end."""
        watched = Watched(reader, time.monotonic() + seconds, gone)
        with self._change:
            self._running.add(watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
                self._thread.start()
            elif len(self._running) == 1:
                self._change.notify()
        try:
            yield watched
        finally:
            with self._change:
                self._running.discard(watched)

    def _look(self) -> None:
        while True:
            with self._change:
                while not self._running:
                    self._change.wait()
            time.sleep(_EVERY)  # most have been answered by then
            with self._change:
                for each in self._running:
                    if not each.reason:
                        late = time.monotonic() > each.until
                        each.reason = "late" if late else "gone" if each.gone() else ""
                    if each.reason:
                        each.reader.interrupt()  # again and again: it may not have begun
