"""Secrets: values that stand in no file of a platform."""

from __future__ import annotations

from typing import Protocol


class Secrets(Protocol):
    """One store of secrets."""

    place: str
    """Where a person puts one, with `NAME` for its name."""

    def get(self, name: str) -> str | None:
        """A secret's value; None where there is none of that name. Raises AsterismError where that cannot be told."""
        ...
