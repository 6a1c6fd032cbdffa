"""Group commit: what many producers append while the log commits goes into its next commit together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from asterism.declare.stream import Stream
from asterism.errors import LogError
from asterism.ports.log import Entry, Log

Outcome = list[bool] | BaseException
"""What `Log.append` answered for a submission's entries, or raised."""
Done = Callable[[Outcome], None]
_Waiting = tuple[Stream, Sequence[Entry], Done]

MOST_WAITING = 64_000_000
"""Bytes that may wait to be appended; beyond that, producers are told to come again later."""


class Collector:
    """Appends for many producers, on a thread of its own. Safe to use from several threads.

    Entries of one stream are appended in the order in which they were submitted.
    """

    def __init__(self, log: Log, most_waiting: int = MOST_WAITING) -> None:
        self._log = log
        self._most_waiting = most_waiting
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="collector", daemon=True)
        self._thread.start()

    def submit(self, stream: Stream, entries: Sequence[Entry], done: Done) -> None:
        """Append with others; `done` is called on the collector's thread once they are on disk, or are not.

        Raises LogError where too much waits already, or after `close`; then `done` is not called.
        """
        size = sum([len(entry.body) for entry in entries])
        with self._changed:
            if self._closed or (self._bytes and self._bytes + size > self._most_waiting):
                fact = "is closed" if self._closed else "cannot take more at the moment"
                raise LogError("the log", fact, "Send it again in a second.")
            self._waiting.append((stream, entries, done))
            self._bytes += size
            if len(self._waiting) == 1:
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
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                waiting, self._waiting, self._bytes = self._waiting, [], 0
                if not waiting:
                    return
            by_stream: dict[str, list[_Waiting]] = {}
            for each in waiting:
                by_stream.setdefault(each[0].name, []).append(each)
            for group in by_stream.values():
                self._append(group)

    def _append(self, group: list[_Waiting]) -> None:
        stream = group[0][0]
        try:
            fresh = self._log.append(
                stream.name, [entry for _, entries, _ in group for entry in entries], stream.dedupe
            )
        except BaseException as error:  # noqa: BLE001 - whoever waits is told, whatever it was
            for _, _, done in group:
                done(error)
            return
        start = 0
        for _, entries, done in group:
            done(fresh[start : start + len(entries)])
            start += len(entries)
