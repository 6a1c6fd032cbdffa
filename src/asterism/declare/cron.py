"""Cron expressions, in UTC: `0 3 * * *` is every day at three."""

from __future__ import annotations


def cron(text: str) -> str:
    """The expression. Raises ValueError where it is none."""
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - most platforms declare none

    if len(text.split()) != 5 or not croniter.is_valid(text):  # noqa: PLR2004 - minute, hour, day, month, weekday
        raise ValueError(
            f"{text!r} is not a cron expression: write minute, hour, day, month and weekday, like 0 3 * * *"
        )
    return text
