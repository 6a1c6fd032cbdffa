"""Ids that are given at the door."""

from __future__ import annotations

import secrets
import time


class Ids:
    """UUIDs of version 7 (RFC 9562): in the order of time, and within this object in the order of making.

    The random part is drawn once a millisecond, and counted up within it.
    """

    def __init__(self) -> None:
        self._millisecond = 0
        self._random = 0

    def next(self) -> str:
        """A new id."""
        now = time.time_ns() // 1_000_000
        if now > self._millisecond:
            self._millisecond = now
            self._random = secrets.randbits(73)  # the highest bit is left for counting up
        else:
            self._random += 1  # also where the clock was put back
        high, low = self._random >> 62, self._random & (2**62 - 1)
        number = (self._millisecond << 80) | (7 << 76) | ((high & 0xFFF) << 64) | (2 << 62) | low
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
