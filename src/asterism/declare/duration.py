"""Durations as people write them: `250ms`, `30s`, `5m`, `2h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_LONGEST = timedelta(days=36_525)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str | timedelta) -> timedelta:
    """Read a duration. Raises ValueError, with the forms that are understood, for anything else."""
    if isinstance(text, timedelta):
        return _within(text, text)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*", text)
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{text!r} is not a duration: write a number above zero and one of ms, s, m, h, d, w, like 5m")
    try:
        found = timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        found = timedelta.max
    return _within(found, text)


def _within(found: timedelta, text: str | timedelta) -> timedelta:
    """A century at most: what lies so long before today can be told, whichever day that is."""
    if not timedelta(0) <= found <= _LONGEST:
        raise ValueError(f"{str(text)!r} is not a duration: it is less than nothing, or more than a century")
    return found
