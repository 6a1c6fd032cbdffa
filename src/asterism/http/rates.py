"""Rates: how often a client may come."""

from __future__ import annotations

import time
from collections.abc import Callable

_MOST_CLIENTS = 10_000


class Rates:
    """A token bucket a client: filled `a_second` times a second, as large as one second's; 0 is no limit.

    Kept as the moment at which a client's bucket is full again, which says the same in one number (the generic cell
    rate algorithm). Used by one event loop.
    """

    def __init__(self, a_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = 1 / a_second if a_second > 0 else 0.0
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def wait(self, client: str) -> float:
        """Count a request: 0.0 where it may pass, else the seconds after which one may."""
        if not self._every:
            return 0.0
        now = self._clock()
        full_at = max(self._full_at.get(client, now), now) + self._every
        if full_at - now > 1.0 + 1e-9:
            return full_at - now - 1.0
        if len(self._full_at) >= _MOST_CLIENTS and client not in self._full_at:
            self._forget(now)
        self._full_at[client] = full_at
        return 0.0

    def _forget(self, now: float) -> None:
        """Forget those whose buckets are full; where all are in use, the half that came first."""
        kept = {client: at for client, at in self._full_at.items() if at > now}
        if len(kept) >= _MOST_CLIENTS:
            kept = dict(list(kept.items())[_MOST_CLIENTS // 2 :])
        self._full_at = kept
