"""Tasks at intervals, one at a time, until stopped; a task that fails waits longer and stops no other."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import croniter  # type: ignore[import-untyped]  # it ships without types

from asterism.errors import AsterismError

LONGEST_DELAY = 300.0
"""Seconds after which a failing task is tried again at the latest."""
_LOOK = 60.0
"""Seconds after which the time of day is looked at again."""


@dataclass
class Task:
    """Something to be done `every` so often. `work` answers whether more of it waits, which is then done at once."""

    name: str
    every: timedelta
    work: Callable[[], bool]
    at: str | None = None
    """A cron expression in UTC, in the place of `every`: done when the schedule begins, which makes up for what was
    missed, and at each tick from then on."""
    due: float = 0.0
    tick: datetime | None = None
    """The tick that is waited for, in the place of `due`."""
    failures: int = 0
    error: AsterismError | None = None
    """Why it fails now."""
    failing_since: datetime | None = None
    """Naive UTC."""
    done_at: datetime | None = None
    """When it last came to its end, with nothing left waiting. Naive UTC."""


class Schedule:
    """Does tasks as they fall due. Times are seconds of `clock`."""

    def __init__(
        self,
        tasks: Iterable[Task],
        on_error: Callable[[Task, AsterismError, float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None),
    ) -> None:
        """`on_error` is told each failure and the seconds until the next try; `wall` says the time of day in UTC."""
        self.tasks = list(tasks)
        self._on_error = on_error
        self._clock = clock
        self._chance = chance
        self._wall = wall

    def run(self, pause: Callable[[float], bool]) -> None:
        """Work until `pause`, which waits for so many seconds, answers that it is time to stop.

        A task is always finished. Errors that Asterism does not know are faults, and end it.
        """
        for task in self.tasks:
            task.due = self._clock()
        while not pause(self._until_due()):
            first = min(self.tasks, key=self._left, default=None)
            if first is not None and self._left(first) <= 0:
                self._do(first)

    def hasten(self, name: str) -> None:
        """Make a task due at once; with an empty name, every one that has a cron expression."""
        for task in self.tasks:
            if task.name == name or (not name and task.at is not None):
                task.due, task.tick = self._clock(), None

    def replace(self, tasks: Iterable[Task]) -> None:
        """Do these from now on; those that were there already, by name and interval, fall due when they would have."""
        before = {(task.name, task.every, task.at): task for task in self.tasks}
        self.tasks[:] = tasks
        for task in self.tasks:
            known = before.get((task.name, task.every, task.at))
            if known:
                task.due, task.tick, task.failures = known.due, known.tick, known.failures
                task.error, task.failing_since, task.done_at = known.error, known.failing_since, known.done_at
            else:
                task.due = self._clock()

    def _until_due(self) -> float:
        left = max(min(map(self._left, self.tasks), default=1.0), 0.0)
        return min(left, _LOOK) if any(task.tick for task in self.tasks) else left

    def _left(self, task: Task) -> float:
        """Seconds until a task is due. The time of day may be put right, and goes on while a machine sleeps."""
        return task.due - self._clock() if task.tick is None else (task.tick - self._wall()).total_seconds()

    def _do(self, task: Task) -> None:
        begun = self._clock()
        try:
            more = task.work()
        except AsterismError as error:
            delay = self._delay(task)
            task.failures += 1
            task.failing_since = task.failing_since or self._wall()
            task.error = error
            task.due, task.tick = self._clock() + delay, None
            self._on_error(task, error, delay)
            return
        task.failures, task.error, task.failing_since = 0, None, None
        task.done_at = task.done_at if more else self._wall()
        # From the beginning, so that the work's own time does not add to the interval; never a burst to catch up.
        task.due = begun if more else max(begun + task.every.total_seconds(), self._clock())
        task.tick = croniter(task.at, self._wall()).get_next(datetime) if task.at and not more else None

    def _delay(self, task: Task) -> float:
        """Twice as long each time, and never the same for two platforms that failed together."""
        base = min(max(task.every.total_seconds(), 1.0) * 2.0 ** min(task.failures, 16), LONGEST_DELAY)
        return base * (0.75 + 0.25 * self._chance())


class Turns:
    """A lock that is given in the order in which it is asked for, so that nobody starves beside a busy schedule."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn, and hold it."""
        ticket = object()
        with self._condition:
            self._waiting.append(ticket)
            self._condition.wait_for(lambda: self._waiting[0] is ticket)
        try:
            yield
        finally:
            with self._condition:
                self._waiting.popleft()
                self._condition.notify_all()
