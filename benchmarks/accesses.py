"""Events of a fold, as bytes. Knows nothing of Asterism: its peers use it."""

from __future__ import annotations

KEYS = 100


def bodies(count: int) -> list[bytes]:
    """So many records of as many doors as there are keys."""
    return [
        b'{"service":"door-%d","event":1,"n":%d,"sent":"2026-11-24T03:00:00.000001"}' % (number % KEYS, number)
        for number in range(count)
    ]
