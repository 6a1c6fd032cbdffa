"""Streams that a cloud delivers to the lake by itself, beside those of the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from asterism.ports.delivery import Delivery
from asterism.ports.log import Entry, Log, Logged, Offsets, Standing
from asterism.run.records import landed

PARTITION = "delivery"
"""What the landed lines of such a stream say of where the log had them."""


class DeliveringLog:
    """Implements `Log`: some streams are put to a delivery, as lines of the landing zone, and the others are the log's.

    Of those, nothing is read here: they are empty to every reader. An append is at least once; ids are not remembered,
    so who reads the lake's objects takes an id once.
    """

    def __init__(self, log: Log, delivery: Delivery, delivered: Callable[[], Collection[str]]) -> None:
        """`delivered` answers the names of the streams that are delivered, as they are declared now."""
        self._log, self._delivery, self._delivered = log, delivery, delivered
        self.dedupes, self.numbered = log.dedupes, log.numbered
        self.keeps_positions = getattr(log, "keeps_positions", True)

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:
        """See `Log.append`, and above. An id that stands twice in `entries` is taken once."""
        if stream not in self._delivered():
            return self._log.append(stream, entries, dedupe)
        at, given, fresh = time.time_ns() // 1000, set[str](), list[bool]()
        for entry in entries:
            fresh.append(not entry.given or entry.id not in given)
            given.add(entry.id)
        new = [
            Logged(PARTITION, 0, e.id, e.key, at, e.body) for e, is_new in zip(entries, fresh, strict=True) if is_new
        ]
        if new:
            self._delivery.put(stream, landed(new).split(b"\n")[:-1])
        return fresh

    def read(self, stream: str, consumer: str, after: Offsets, limit: int, wait: float = 0.0) -> list[Logged]:
        """See `Log.read`."""
        return [] if stream in self._delivered() else self._log.read(stream, consumer, after, limit, wait)

    def commit(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """See `Log.commit`."""
        if stream not in self._delivered():
            self._log.commit(stream, consumer, offsets)

    def standing(self, stream: str) -> Standing:
        """See `Log.standing`."""
        return Standing({}) if stream in self._delivered() else self._log.standing(stream)

    def trim(self, stream: str, consumers: Collection[str], before: datetime, keep_bytes: int | None = None) -> int:
        """See `Log.trim`."""
        return 0 if stream in self._delivered() else self._log.trim(stream, consumers, before, keep_bytes)

    def erase(self, stream: str, ids: Collection[str]) -> int:
        """See `Log.erase`. What is under way to the lake cannot be called back: erase again when it is there."""
        return 0 if stream in self._delivered() else self._log.erase(stream, ids)

    def close(self) -> None:
        """See `Log.close`."""
        self._log.close()
