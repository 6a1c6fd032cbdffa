"""Log: durable, ordered records of streams, read by several consumers, each at its own pace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

Offsets = Mapping[str, int]
"""How far a stream has been read: the last position of each partition; `{}` is the beginning. JSON values."""

ANEW: Offsets = {"": 0}
"""The beginning, for a consumer of a log without numbers that had been further: see `Log.numbered`."""


class Entry(NamedTuple):
    """A record to be appended."""

    id: str
    key: str
    """Records of one key keep their order. Empty: none."""
    body: bytes
    """One line of JSON in UTF-8, as it came but for line breaks between its tokens."""
    given: bool = True
    """Whether the id came from the producer, who may send it again; one given at the door is new."""


class Logged(NamedTuple):
    """A record that stands in the log."""

    partition: str
    position: int
    """Grows within the partition, not always by one."""
    id: str
    key: str
    at: int
    """When it was appended: microseconds since 1970-01-01T00:00Z."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stream stands."""

    end: Offsets
    """The last position of each partition ever given."""
    committed: Mapping[str, Offsets] = field(default_factory=dict)
    """How far each consumer said it had read."""
    records: int = 0
    size: int = 0
    """Bytes of the bodies that are kept."""
    oldest: datetime | None = None
    """When the oldest record that is kept was appended, naive UTC."""


class Log(Protocol):
    """Streams by name, made by their first append. Raises `LogError`. Several threads and processes may use it."""

    dedupes: bool
    """Whether ids are remembered. Of a broker that does not, `append` answers that all are new, and who reads has to
    know an id that came before; of an append that raised, some may stand."""
    numbered: bool
    """Whether a position is the record's own, the same for all consumers and processes. Where it is not, it is given
    when the record is read: `standing` tells no end, no consumer can wait for another's position, `read` brings what
    follows once `commit` has let go of what came before, `{}` is where the broker holds the consumer to be, and `ANEW`
    begins again with what is kept."""

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:
        """Append in order; return when all of them are on disk. All or nothing: on an error none of them stands.

        Answers for each whether it is new: an id that was given within `dedupe` is dropped, and so is its second in
        `entries`. Positions are in the order of commits: who reads up to a position never misses an earlier one.
        """
        ...

    def read(self, stream: str, consumer: str, after: Offsets, limit: int, wait: float = 0.0) -> list[Logged]:
        """Records beyond `after` in order, `limit` at most; waits up to `wait` seconds for the first.

        Answers fewer than `limit` where their bodies exceed a few megabytes: memory is bounded. Reading changes nothing
        and may be repeated; `consumer` names who reads, for brokers that keep that themselves.
        """
        ...

    def commit(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """Note how far a consumer has read for good. Frees retention, and is where others may look; never goes back."""
        ...

    def standing(self, stream: str) -> Standing:
        """Where a stream stands; one that was never appended to is empty."""
        ...

    def trim(self, stream: str, consumers: Collection[str], before: datetime, keep_bytes: int | None = None) -> int:
        """Drop records appended before `before` (naive UTC), and the oldest beyond `keep_bytes`; answer how many.

        Never one that a consumer of `consumers` has not committed. Ids that can no longer matter are forgotten too.
        """
        ...

    def erase(self, stream: str, ids: Collection[str]) -> int:
        """Remove records by their ids, whoever has not read them yet: for personal data. Answer how many."""
        ...

    def close(self) -> None:
        """Let go of files and connections. Repeating it does nothing."""
        ...
