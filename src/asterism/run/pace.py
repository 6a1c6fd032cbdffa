"""Pace: simulated time beside the clock's, and where simulating is allowed at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from asterism.declare.stage import Stage
from asterism.errors import UsageError

LONGEST_PAUSE = timedelta(hours=1)
"""Nights and weekends of the simulated life pass as if they were this long."""


def refuse_simulation(stage: Stage) -> None:
    """Raise UsageError where a stage is production, or does not allow made-up traffic."""
    if stage.production:
        fact = "is production, and a simulator writes invented rows into its source"
        raise UsageError(f"stage {stage.name}", fact, "Choose another stage with --stage.")
    if not stage.simulators:
        fact = "does not allow simulators"
        raise UsageError(
            f"stage {stage.name}", fact, "Choose another stage, or set simulators = true in asterism.toml."
        )


def check_pace(limit: int | None, speed: float) -> None:
    """Raise UsageError for a limit or a speed that makes no sense."""
    if limit is not None and limit < 1:
        raise UsageError("--limit", f"{limit} of them cannot be played", "Give a number above zero, or none.")
    if not 0 <= speed < float("inf"):
        remedy = "Give simulated seconds a second, or 0 for as fast as it goes."
        raise UsageError("--speed", f"{speed} is not a pace", remedy)


class Pace:
    """Waits until a simulated time has come."""

    def __init__(self, speed: float, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._now: datetime | None = None
        self._due = clock()

    def is_early(self, moment: datetime) -> bool:
        """Whether a simulated time has still to come."""
        return self._now is not None and bool(self._speed) and self._due + self._passed(moment) > self._clock()

    def reach(self, moment: datetime) -> None:
        """Wait for a simulated time; one that has passed already is not waited for."""
        if self._now is not None and self._speed:
            self._due += self._passed(moment)
            early = self._due - self._clock()
            if early > 0:
                self._sleep(early)
        self._now = moment if self._now is None else max(moment, self._now)

    def _passed(self, moment: datetime) -> float:
        since = min(max(moment - (self._now or moment), timedelta(0)), LONGEST_PAUSE)
        return since.total_seconds() / self._speed
