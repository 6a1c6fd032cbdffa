"""State: the keyed states of live views."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from asterism.ports.log import Offsets


class Kept(NamedTuple):
    """The state of one key, and the last record that went into it."""

    key: str
    value: bytes
    """JSON."""
    partition: str
    position: int
    window: str = ""
    """With windows: where it begins, ISO 8601 in UTC. A state is one of (key, window)."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where a view stands."""

    epoch: int = 0
    """Counts its owners; grows with each claim."""
    version: int = 0
    """Counts its puts."""
    offsets: Offsets = field(default_factory=dict)
    """How far its stream has been folded in."""
    note: Mapping[str, Any] = field(default_factory=dict)
    """What the fold keeps beside the states, JSON values: watermarks, records to skip, the error it stopped at."""


class State(Protocol):
    """States by view, key and window. Raises `StateError`. Several threads and processes may use it."""

    def claim(self, view: str) -> Header:
        """Become the view's owner: whoever was it before is fenced off from here on. A new view begins empty."""
        ...

    def get(self, view: str, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Kept]:
        """The states of those (key, window) that have one."""
        ...

    def put(
        self, view: str, epoch: int, kept: Sequence[Kept], offsets: Offsets, note: Mapping[str, Any] | None = None,
        dropped: Collection[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        """Replace states, drop others, move the offsets and the note (None: as it was): all of it, durably, or nothing.

        Raises StateError with `fenced` where `epoch` is not that of the last claim.
        """
        ...

    def scan(
        self, view: str, after: tuple[str, str] | None = None, limit: int = 1000, key: str | None = None
    ) -> list[Kept]:
        """States in the order of (key, window) beyond `after`; only those of one `key` where that is given."""
        ...

    def watch(
        self, view: str, since: int, limit: int = 1000
    ) -> tuple[Header, list[tuple[int, Kept | tuple[str, str]]]]:
        """The header, and what changed since version `since`: (version, state) or, dropped, (version, (key, window)).

        In the order of versions, each state once with its latest value, whole versions only. `limit=0` asks for the
        header alone; a view that does not exist has an empty one. A drop is told for an hour at least, then its key is
        forgotten, for it may name a person: who was away for longer begins anew at 0.
        """
        ...

    def replace(self, view: str, by: str | None) -> None:
        """Let the states, offsets and note of the view `by` take the place of `view`'s, at once; None: remove it.

        The epoch grows, so that an owner of before is fenced off.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections. Repeating it does nothing."""
        ...
