"""Windows of event time: which of them a record belongs to, and which records come too late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from asterism.declare.view import Window

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


class Windows:
    """Takes the event times of one view's records in the order of the log.

    What it answers hangs on that order and on the watermarks it began with, not on how records were batched.
    """

    def __init__(self, window: Window, watermarks: Mapping[str, str]) -> None:
        self._field = window.time
        self._size, self._hop = window.size // _MICROSECOND, window.hop // _MICROSECOND
        self._lateness = window.lateness // _MICROSECOND
        self._latest = {partition: _micros(datetime.fromisoformat(at)) for partition, at in watermarks.items()}

    @property
    def watermarks(self) -> dict[str, str]:
        """The latest event time seen in each partition, none later than its record came; ISO 8601 in UTC."""
        return {partition: _text(at) for partition, at in self._latest.items()}

    def place(self, partition: str, value: Any, received: int) -> list[str]:
        """The beginnings of the windows of an event time, the earliest first, ISO 8601 in UTC.

        `received`, microseconds since 1970, is when the log took the record: a clock that runs ahead makes no other
        record late. Raises ValueError, whose text is a reason for quarantine, where it comes too late or is no time.
        """
        at = _micros(_moment(value, self._field))
        latest = self._latest.get(partition, min(at, received))
        if at < latest - self._lateness:
            raise ValueError(f"it comes too late: its time is {_text(at)}, and {_text(latest)} has been seen before")
        last = at - at % self._hop
        try:
            starts = [_text(start) for start in range(last, at - self._size, -self._hop)]
        except OverflowError as error:
            raise ValueError(f"its time, {_text(at)}, lies beyond what can be told") from error
        self._latest[partition] = max(min(at, received), latest)
        return starts[::-1]


def _moment(value: Any, field: str) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"its field {field} holds no time") from error
    if not isinstance(value, datetime):
        raise ValueError(f"its field {field} holds no time")  # noqa: TRY004 - a reason for quarantine, no caller's slip
    try:
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    except OverflowError as error:
        raise ValueError(f"its time, {value.isoformat()}, lies beyond what can be told") from error


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(4096)
def _text(micros: int) -> str:
    return (_EPOCH + micros * _MICROSECOND).isoformat()
