"""A log in memory, with partitions that a test names, and reads that bring records again."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from asterism.errors import LogError
from asterism.ports.log import Entry, Logged, Offsets, Standing

NOW = 1_790_000_000_000_000
"""Microseconds since 1970 at which records come, about."""


class ListLog:
    """A record's partition is the first letter of its key, `0` where it has none. Positions go up in steps of 10."""

    numbered = True

    def __init__(self, *, dedupes: bool = True) -> None:
        self.dedupes = dedupes
        self.streams: dict[str, list[Logged]] = defaultdict(list)
        self.committed: dict[str, dict[str, Offsets]] = defaultdict(dict)
        self.again = 0
        """How many records from before `after` each read brings once more."""
        self.most = 5_000
        """How many records a read brings at most."""
        self.is_down = False
        self._given: dict[str, set[str]] = defaultdict(set)
        self._last: dict[tuple[str, str], int] = defaultdict(lambda: -10)
        self._came = threading.Condition()

    def append(self, stream: str, entries: Sequence[Entry], _dedupe: timedelta) -> list[bool]:
        with self._came:
            new = []
            for each in entries:
                new.append(not self.dedupes or each.id not in self._given[stream])
                if new[-1]:
                    self._given[stream].add(each.id)
                    partition = each.key[:1] or "0"
                    position = self._last[stream, partition] = self._last[stream, partition] + 10
                    self.streams[stream].append(
                        Logged(partition, position, each.id, each.key, NOW + position, each.body)
                    )
            self._came.notify_all()
            return new

    def read(self, stream: str, _consumer: str, after: Offsets, limit: int, wait: float = 0.0) -> list[Logged]:
        with self._came:
            if self.is_down:
                raise LogError("the log", "is down", "Wait.")
            self._came.wait_for(lambda: self._beyond(stream, after), wait)
            found = self._beyond(stream, after)[: min(limit, self.most)]
            if not found or not self.again:
                return found
            first = self.streams[stream].index(found[0])
            return [*self.streams[stream][max(0, first - self.again) : first], *found]

    def commit(self, stream: str, consumer: str, offsets: Offsets) -> None:
        old: Mapping[str, int] = self.committed[stream].get(consumer, {})
        self.committed[stream][consumer] = {**offsets, **{p: max(n, offsets.get(p, n)) for p, n in old.items()}}

    def standing(self, stream: str) -> Standing:
        records = self.streams[stream]
        return Standing({each.partition: each.position for each in records}, dict(self.committed[stream]), len(records))

    def trim(self, *_: object) -> int:
        return 0

    def erase(self, *_: object) -> int:
        return 0

    def close(self) -> None:
        pass

    def _beyond(self, stream: str, after: Offsets) -> list[Logged]:
        return [each for each in self.streams[stream] if each.position > after.get(each.partition, -1)]
