import threading
from datetime import timedelta

import pytest

from asterism.errors import SourceError
from asterism.run.schedule import LONGEST_DELAY, Schedule, Task, Turns


class Clock:
    """A clock that moves only when the schedule waits, or when work takes its time."""

    def __init__(self, until: float) -> None:
        self.now = 0.0
        self.until = until

    def pause(self, seconds: float) -> bool:
        self.now += seconds
        return self.now >= self.until


def run(clock: Clock, *tasks: Task) -> list[tuple[float, str, float]]:
    failures: list[tuple[float, str, float]] = []
    schedule = Schedule(
        tasks,
        lambda task, _error, delay: failures.append((clock.now, task.name, delay)),
        clock=lambda: clock.now,
        chance=lambda: 1.0,
    )
    schedule.run(clock.pause)
    return failures


def test_each_task_is_done_at_its_own_interval():
    clock, done = Clock(10), []
    fast = Task("fast", timedelta(seconds=2), lambda: bool(done.append(("fast", clock.now))))
    slow = Task("slow", timedelta(seconds=5), lambda: bool(done.append(("slow", clock.now))))
    run(clock, fast, slow)
    assert [at for name, at in done if name == "fast"] == [0, 2, 4, 6, 8]
    assert [at for name, at in done if name == "slow"] == [0, 5]


def test_work_that_takes_longer_than_its_interval_is_not_done_in_a_burst_afterwards():
    clock, begun = Clock(20), []

    def work() -> bool:
        begun.append(clock.now)
        clock.now += 5
        return False

    run(clock, Task("long", timedelta(seconds=2), work))
    assert begun == [0, 5, 10, 15]


def test_more_work_is_done_at_once():
    clock, left = Clock(1.5), [3]

    def work() -> bool:
        left[0] -= 1
        return left[0] > 0

    run(clock, Task("load", timedelta(seconds=1), work))
    assert left[0] == -1


def test_a_failing_task_waits_longer_each_time_and_stops_no_other():
    clock, done = Clock(2000), []

    def fail() -> bool:
        raise SourceError("s", "is down")

    failures = run(
        clock,
        Task("down", timedelta(seconds=1), fail),
        Task("up", timedelta(seconds=10), lambda: bool(done.append(clock.now))),
    )
    assert [delay for _, _, delay in failures][:6] == [1, 2, 4, 8, 16, 32]
    assert max(delay for _, _, delay in failures) == LONGEST_DELAY
    assert len(done) == 200


def test_a_success_forgets_the_failures():
    clock, tries = Clock(10), []

    def work() -> bool:
        tries.append(clock.now)
        if len(tries) in {1, 2, 4}:
            raise SourceError("s", "is down")
        return False

    failures = run(clock, Task("t", timedelta(seconds=1), work))
    assert [delay for _, _, delay in failures] == [1, 2, 1]


def test_a_fault_ends_the_schedule():
    def fault() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Clock(1), Task("t", timedelta(seconds=1), fault))


def test_turns_are_given_in_the_order_they_are_asked_for():
    turns, order, gate = Turns(), [], threading.Event()

    def take(number: int) -> None:
        with turns.turn():
            order.append(number)

    with turns.turn():
        waiting = []
        for number in range(5):
            thread = threading.Thread(target=take, args=(number,))
            thread.start()
            waiting.append(thread)
            while len(turns._waiting) < number + 2:
                gate.wait(0.001)
    for thread in waiting:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
