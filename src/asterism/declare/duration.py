"""Durations as people write them: `250ms`, `30s`, `5m`, `2h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str | timedelta) -> timedelta:
    """Read a duration. Raises ValueError, with the forms that are understood, for anything else."""
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*", text)
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{text!r} is not a duration: write a number above zero and one of ms, s, m, h, d, w, like 5m")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})
