"""From the event loop to the log and back: one wake-up of the loop for all requests of a group commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

from asterism.declare.stream import Stream
from asterism.ports.log import Entry
from asterism.run.collect import Collector, Outcome


class Appender:
    """Appends to the log from an event loop; used by that loop only."""

    def __init__(self, collector: Collector, loop: asyncio.AbstractEventLoop) -> None:
        self._collector = collector
        self._loop = loop
        self._done: deque[tuple[asyncio.Future[list[bool]], Outcome]] = deque()
        self._woken = False

    def append(self, stream: Stream, entries: Sequence[Entry]) -> asyncio.Future[list[bool]]:
        """As `Log.append`: the answer comes when the entries are on disk. Raises LogError where too many wait."""
        future: asyncio.Future[list[bool]] = self._loop.create_future()
        self._collector.submit(stream, entries, partial(self._finish, future))
        return future

    def _finish(self, future: asyncio.Future[list[bool]], outcome: Outcome) -> None:
        """Called by the collector's thread. Waking a loop costs a system call: once for all that come meanwhile."""
        self._done.append((future, outcome))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._woken = False  # before the first is taken: what comes from here on wakes again
        while self._done:
            future, outcome = self._done.popleft()
            if future.done():
                continue  # its request is gone
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
