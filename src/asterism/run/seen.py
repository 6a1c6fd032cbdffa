"""Seen: the ids that a live view has met, where the log does not remember them.

A record whose id stands here under another place has come before, and is not folded in again. Noting an id twice
changes nothing, so ids are noted before the states are: dying in between, records are read again, and stand here under
their own place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from asterism.ports.log import Logged
from asterism.ports.state import Kept, State

_MICROSECOND = timedelta(microseconds=1)


class Seen:
    """Remembers an id for at least `window`, in the store of the states. Used by one thread at a time.

    Ids are kept by periods of that length, each under a name of its own beside the view's, and let go of period by
    period.
    """

    def __init__(self, view: str, window: timedelta, state: State) -> None:
        self._view, self._state = view, state
        self._length = max(1, window // _MICROSECOND)
        self._epochs: dict[int, int] = {}

    def claim(self) -> None:
        """Begin anew, after the view was claimed: what was claimed here before may be another's by now."""
        self._epochs.clear()

    def again(self, records: Sequence[Logged]) -> frozenset[int]:
        """Which of these, by their index, have come before; the others are remembered. Raises StateError."""
        periods = defaultdict(set)
        for each in records:
            periods[each.at // self._length].add(each.id)
        known: dict[str, tuple[str, int]] = {}
        for period, ids in periods.items():
            for earlier in (period - 1, period):
                found = self._state.get(self._name(earlier), [(ident, "") for ident in ids])
                known |= {kept.key: (kept.partition, kept.position) for kept in found.values()}
        fresh: dict[int, list[Kept]] = defaultdict(list)
        again = set()
        for index, each in enumerate(records):
            place = known.setdefault(each.id, (each.partition, each.position))
            if place != (each.partition, each.position):
                again.add(index)
            else:
                fresh[each.at // self._length].append(Kept(each.id, b"", each.partition, each.position))
        for period in sorted(fresh):
            self._state.put(self._name(period), self._epoch(period), fresh[period], {})
        return frozenset(again)

    def replace(self, view: str) -> None:
        """Take the place of what another view has seen. Raises StateError."""
        for period in sorted(self._epochs):
            if period >= max(self._epochs) - 1:
                self._state.replace(_name(view, period), self._name(period))
            else:
                self._state.replace(self._name(period), None)
        self._epochs.clear()

    def _epoch(self, period: int) -> int:
        if period not in self._epochs:
            self._epochs[period] = self._state.claim(self._name(period)).epoch
            gone = self._name(period - 2)
            if self._state.watch(gone, 0, limit=0)[0].version:
                self._state.replace(gone, None)
        return self._epochs[period]

    def _name(self, period: int) -> str:
        return _name(self._view, period)


def _name(view: str, period: int) -> str:
    return f"{view}~ids/{period}"
