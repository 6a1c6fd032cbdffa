"""Values of SQL as JSON: nothing is rounded, and nothing fails."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_EXACT = 2**53
"""Integers beyond this are rounded by readers that know only doubles, JavaScript first among them."""


def as_json(value: Any) -> Any:
    """A JSON value: decimals and integers beyond 2^53 as text, times in ISO 8601, bytes in base 64, no NaN."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) and (isinstance(value, float) or abs(value) <= _EXACT) else str(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return _text(value)


def spoken(value: Any) -> str:
    """A value in a sentence, as SQL would have it."""
    return "NULL" if value is None else repr(value) if isinstance(value, str) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"P{value.days}DT{value.seconds + value.microseconds / 1e6:g}S"
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return str(value)
