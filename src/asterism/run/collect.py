"""Group commit: what many producers append while the log commits goes into its next commit together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate, takewhile

from asterism.declare.stream import Stream
from asterism.errors import LogError
from asterism.ports.log import Entry, Log

Outcome = list[bool] | BaseException
"""What `Log.append` answered for a submission's entries, or raised."""
Done = Callable[[Outcome], None]
_Waiting = tuple[Stream, Sequence[Entry], Done, int]

MOST_WAITING = 64_000_000
"""Bytes that may wait to be appended; beyond that, producers are told to come again later."""
_MOST_AT_ONCE = 8_000_000
"""Bytes of one round: whoever came first is not answered last, and other processes write in between."""
_ENTRY = 500
"""Bytes that an entry takes beside its body, about."""
_GATHERING = 0.001
"""Seconds that a round waits for as many submissions as the last one had."""


class Collector:
    """Appends for many producers, on a thread of its own. Safe to use from several threads.

    Entries of one stream are appended in the order in which they were submitted.

    Producers that were answered together send their next at about the same time. So a round waits for as many as the
    last one had, a millisecond at most; a lone producer never waits.
    """

    def __init__(self, log: Log, most_waiting: int = MOST_WAITING) -> None:
        self._log = log
        self._most_waiting = most_waiting
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._expected = 1
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="collector", daemon=True)
        self._thread.start()

    def submit(self, stream: Stream, entries: Sequence[Entry], done: Done) -> None:
        """Append with others; `done`, which must not raise, is called on the collector's thread with the outcome.

        Raises LogError where too much waits already, or after `close`; then `done` is not called.
        """
        size = sum([len(entry.body) for entry in entries], _ENTRY * len(entries))
        with self._changed:
            if self._closed or (self._bytes and self._bytes + size > self._most_waiting):
                fact = "is closed" if self._closed else "cannot take more at the moment"
                raise LogError("the log", fact, "Send it again in a second.")
            self._waiting.append((stream, entries, done, size))
            self._bytes += size
            if len(self._waiting) in {1, self._expected}:
                self._changed.notify()

    def append(self, stream: Stream, entries: Sequence[Entry]) -> list[bool]:
        """The same, waiting for the outcome. Raises LogError."""
        outcome: list[Outcome] = []
        ended = threading.Event()

        def done(found: Outcome) -> None:
            outcome.append(found)
            ended.set()

        self.submit(stream, entries, done)
        ended.wait()
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def close(self) -> None:
        """Append what was submitted, and stop. Repeating it does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while waiting := self._gather():
            by_stream: dict[str, list[_Waiting]] = {}
            for each in waiting:
                by_stream.setdefault(each[0].name, []).append(each)
            for group in by_stream.values():
                self._append(group)

    def _gather(self) -> list[_Waiting]:
        """The next round; none once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(lambda: len(self._waiting) >= self._expected or self._closed, _GATHERING)
            count = len(self._waiting)
            if self._bytes > _MOST_AT_ONCE:
                sizes = accumulate(size for _, _, _, size in self._waiting)
                count = max(1, sum(1 for _ in takewhile(lambda size: size <= _MOST_AT_ONCE, sizes)))
            taken = self._waiting[:count]
            del self._waiting[:count]
            self._bytes -= sum([size for _, _, _, size in taken])
            self._expected = max(1, count)
            return taken

    def _append(self, group: list[_Waiting]) -> None:
        stream = group[0][0]
        outcome: Outcome
        try:
            outcome = self._log.append(
                stream.name, [entry for _, entries, _, _ in group for entry in entries], stream.dedupe
            )
        except BaseException as error:  # noqa: BLE001 - whoever waits is told, whatever it was
            outcome = error
        start = 0
        for _, entries, done, _ in group:
            with suppress(Exception):  # the others are told all the same, and the next round comes
                done(outcome if isinstance(outcome, BaseException) else outcome[start : start + len(entries)])
            start += len(entries)
