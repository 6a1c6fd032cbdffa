"""Tasks at intervals, one at a time, until stopped; a task that fails waits longer and stops no other."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from asterism.errors import AsterismError

LONGEST_DELAY = 300.0
"""Seconds after which a failing task is tried again at the latest."""


@dataclass
class Task:
    """Something to be done `every` so often. `work` answers whether more of it waits, which is then done at once."""

    name: str
    every: timedelta
    work: Callable[[], bool]
    at: str | None = None
    """A cron expression in UTC, in the place of `every`."""
    due: float = 0.0
    failures: int = 0


class Schedule:
    """Does tasks as they fall due. Times are seconds of `clock`."""

    def __init__(
        self,
        tasks: Iterable[Task],
        on_error: Callable[[Task, AsterismError, float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`on_error` is told each failure and the seconds until the next try."""
        self.tasks = list(tasks)
        self._on_error = on_error
        self._clock = clock
        self._chance = chance

    def run(self, pause: Callable[[float], bool]) -> None:
        """Work until `pause`, which waits for so many seconds, answers that it is time to stop.

        A task is always finished. Errors that Asterism does not know are faults, and end it.
        """
        for task in self.tasks:
            task.due = self._clock()
        while not pause(self._until_due()):
            due = [task for task in self.tasks if task.due <= self._clock()]
            if due:
                self._do(min(due, key=lambda each: each.due))

    def hasten(self, name: str) -> None:
        """Make a task due at once; with an empty name, every one that has a cron expression."""
        for task in self.tasks:
            if task.name == name or (not name and task.at is not None):
                task.due = self._clock()

    def replace(self, tasks: Iterable[Task]) -> None:
        """Do these from now on; those that were there already, by name and interval, fall due when they would have."""
        before = {(task.name, task.every, task.at): task for task in self.tasks}
        self.tasks[:] = tasks
        for task in self.tasks:
            known = before.get((task.name, task.every, task.at))
            task.due, task.failures = (known.due, known.failures) if known else (self._clock(), 0)

    def _until_due(self) -> float:
        return max(min((task.due for task in self.tasks), default=self._clock() + 1.0) - self._clock(), 0.0)

    def _do(self, task: Task) -> None:
        begun = self._clock()
        try:
            more = task.work()
        except AsterismError as error:
            delay = self._delay(task)
            task.failures += 1
            task.due = self._clock() + delay
            self._on_error(task, error, delay)
            return
        task.failures = 0
        # From the beginning, so that the work's own time does not add to the interval; never a burst to catch up.
        task.due = begun if more else max(begun + task.every.total_seconds(), self._clock())

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
