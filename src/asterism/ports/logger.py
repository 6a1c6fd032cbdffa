"""Logger: tells whoever runs the platform what happens, a line an event."""

from __future__ import annotations

from typing import Any, Literal, Protocol

Level = Literal["info", "warning", "error"]
Form = Literal["text", "json"]
"""In words, or an object of JSON a line."""


class Logger(Protocol):
    """Used by many threads. A secret is never given to it."""

    def tell(self, level: Level, event: str, text: str, **details: Any) -> None:
        """Tell of an event by its name, in words, and with details, which are JSON values."""
        ...
