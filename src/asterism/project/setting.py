"""A key of `asterism.toml`, as it is read, checked and told of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a section; `default` None where it must be given. docs/reference is made from these."""

    name: str
    type: type
    default: str | bool | int | list[str] | dict[str, str] | None
    meaning: str
    least: int = 0
    """Of a number."""
