"""Delivery: a cloud's own way for streams into the lake, which gathers lines and writes them as objects by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Delivery(Protocol):
    """Takes lines of streams, and lets nobody read them but in the lake. Safe to use from several threads."""

    def put(self, stream: str, lines: Sequence[bytes]) -> None:
        """Return when all of these lines, none of which has a line break, are taken for good.

        Raises `LogError`: some may have been taken then, and all are to be put again. So a line comes at least once,
        and in no promised order.
        """
        ...
