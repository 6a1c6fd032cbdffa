"""Seen: the ids of the records that a view has folded in, where the log may bring one twice.

They stand beside the view's states, in views of their own, a period each. The ids of a batch are put before its states,
and count from when the view's note, in the commit of the states, says up to which version they do: dying in between
leaves ids that the next claim takes away again, and the batch is folded then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from asterism.ports.log import Logged
from asterism.ports.state import Kept, State

REDELIVERED = timedelta(days=7)
"""For how long a broker without numbers may bring a record again."""
NOTE = "seen"
"""What a view's note calls them: where they are, and up to which version those of each period count."""
_MICROSECOND = timedelta(microseconds=1)
_AT_ONCE = 1_000


class Seen:
    """Remembers an id for at least `window`. Used by one thread at a time, that of the view's worker."""

    def __init__(self, view: str, window: timedelta, state: State) -> None:
        self._view, self._state = view, state
        self._length = max(1, window // _MICROSECOND)
        self.claim({})

    def claim(self, note: Mapping[str, Any]) -> None:
        """Begin with what the view's note says, after the view was claimed; what does not count goes."""
        known = note.get(NOTE, {})
        self._name: str = known.get("in") or f"{self._view}~ids/{uuid4().hex[:8]}"
        self._versions = {int(period): version for period, version in known.get("versions", {}).items()}
        self._epochs: dict[int, int] = {}
        for period in [*self._versions]:
            self._own(period)

    @property
    def note(self) -> dict[str, Any]:
        """What the view's note is to say in the commit of the batch that was kept."""
        return {"in": self._name, "versions": {str(period): version for period, version in self._versions.items()}}

    def again(self, records: Sequence[Logged]) -> frozenset[int]:
        """Which of these, by their index, are folded in already, or stand before among these. Raises StateError."""
        ids = {each.id for each in records}
        known: set[str] = set()
        for period in self._versions:
            known |= {key for key, _ in self._state.get(self._of(period), [(ident, "") for ident in ids])}
        again = set()
        for index, each in enumerate(records):
            if each.id in known:
                again.add(index)
            known.add(each.id)
        return frozenset(again)

    def keep(self, records: Sequence[Logged]) -> None:
        """Put the ids of records that are about to be folded in; periods that are over go. Raises StateError."""
        fresh = defaultdict(list)
        for each in records:
            fresh[each.at // self._length].append(Kept(each.id, b"1", "", 0))
        for period, kept in sorted(fresh.items()):
            self._own(period)
            self._put(period, kept, ())
        for period in [period for period in self._versions if period < max(self._versions) - 1]:
            self._state.replace(self._of(period), None)
            del self._versions[period]

    def forget(self, note: Mapping[str, Any]) -> None:
        """Remove what another note speaks of. Raises StateError."""
        known = note.get(NOTE, {})
        for period in known.get("versions", ()):
            self._state.replace(f"{known['in']}/{period}", None)

    def _own(self, period: int) -> None:
        if period in self._epochs:
            return
        header = self._state.claim(self._of(period))
        counted = self._versions.get(period, 0)
        self._epochs[period], self._versions[period] = header.epoch, header.version
        while counted < header.version:
            _, changes = self._state.watch(self._of(period), counted, _AT_ONCE)
            if not changes:
                break
            counted = changes[-1][0]
            loose = [(each.key, each.window) for _, each in changes if isinstance(each, Kept)]
            if loose:
                self._put(period, (), loose)

    def _put(self, period: int, kept: Sequence[Kept], dropped: Sequence[tuple[str, str]]) -> None:
        self._state.put(self._of(period), self._epochs[period], kept, {}, None, dropped)
        self._versions[period] += 1

    def _of(self, period: int) -> str:
        return f"{self._name}/{period}"


def handed_on(stream: str) -> str:
    """The stream to which the writer hands on what it has stored, for views that must not run ahead of the table.

    Only where positions of the log cannot be compared.
    """
    return f"{stream}~stored"
