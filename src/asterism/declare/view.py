"""Live views: one state a key, folded from a stream's records in their order, each record once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from asterism.declare.duration import duration
from asterism.declare.stream import Stream

if TYPE_CHECKING:
    from asterism.declare.record import Record

_MOST = 10_000
"""Windows that a record may belong to."""
EVERYTHING = "all"
"""The key of a view that has a single state."""


@dataclass(frozen=True, slots=True)
class Window:
    """Windows of event time: of `size`, one beginning every `hop` (equal to `size`: tumbling; less: overlapping).

    `time` is the record's field that holds the event's time (datetime; naive is UTC). Windows begin at multiples of
    `hop` since 1970-01-01T00:00Z. A record that comes later than `lateness` behind the latest event time seen in its
    partition is set aside in quarantine, and changes no window that may have been read as final; no event time counts
    as later than its record came, so that a clock that runs ahead makes nothing late.
    """

    time: str
    size: timedelta
    hop: timedelta
    lateness: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class View:
    """A fold: `(state, record) -> state`, from `initial()` on. States are Records with defaults.

    Delivery: each record is folded in once, over redelivery and kill -9. A fold that raises stops this view alone, at
    that record; it goes on there when the record is skipped by name or the code mended.
    """

    name: str
    stream: Stream
    fold: Callable[[Any, Any], Any]
    initial: type[Record]
    key: str | None
    """The record's field that is the view's key; None: one state, under the key `all`."""
    after: str | None = None
    """A stream's table that this view never runs ahead of: what it counted can be found there."""
    window: Window | None = None
    into: Stream | None = None
    """The stream that takes what the fold tells of. The fold then answers (state, records): records that come of this
    one, in the light of all before it. Each is appended once, under an id made from the record's; a rebuild tells
    nothing again of what the view had read."""
    family: str | None = None
    """The column family of the event store in which each record's row says what state it left."""

    @property
    def is_ordered(self) -> bool:
        """Whether each state's records come in an order that every log promises: those of one key of the stream.

        Else a state takes records of several keys. A log of one partition has them in the order in which they came;
        behind a broker the fold must come to the same in any order.
        """
        return self.key is not None and self.key == self.stream.key


def tumbling(time: str, size: str | timedelta, *, lateness: str | timedelta | None = None) -> Window:
    """Windows that follow one another: each record belongs to one. Raises ValueError for what is no duration."""
    return hopping(time, size, size, lateness=lateness)


def hopping(
    time: str, size: str | timedelta, hop: str | timedelta, *, lateness: str | timedelta | None = None
) -> Window:
    """Windows of `size` that begin every `hop`: each record belongs to size / hop of them. Raises ValueError."""
    window = Window(time, duration(size), duration(hop), duration(lateness) if lateness else timedelta(0))
    if window.hop > window.size:
        raise ValueError(f"windows of {size} every {hop} leave gaps: let hop be {size} at most")
    if window.size > _MOST * window.hop:
        raise ValueError(f"windows of {size} every {hop} are more than {_MOST} for each record: let hop be longer")
    return window
