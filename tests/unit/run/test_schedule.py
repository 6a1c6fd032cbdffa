import threading
from datetime import datetime, timedelta

import pytest

from asterism.errors import SourceError
from asterism.run.schedule import LONGEST_DELAY, Schedule, Task, Turns

NOON = datetime(2026, 1, 31, 12)


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
        wall=lambda: NOON + timedelta(seconds=clock.now),
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


def test_a_task_with_a_cron_expression_is_done_at_the_start_and_at_each_tick_in_utc():
    clock, done = Clock(3 * 86400), []
    run(clock, Task("nightly", timedelta(minutes=5), lambda: bool(done.append(clock.now)), at="0 3 * * *"))
    assert done == [0, 15 * 3600, 39 * 3600, 63 * 3600]


def test_work_that_outlasts_a_tick_is_not_done_in_a_burst_afterwards():
    clock, begun = Clock(4 * 3600), []

    def work() -> bool:
        begun.append(clock.now)
        clock.now += 5400
        return False

    run(clock, Task("hourly", timedelta(minutes=5), work, at="0 * * * *"))
    assert begun == [0, 7200]


def test_more_work_of_a_tick_is_done_at_once_and_a_failure_soon_and_then_the_next_tick_counts():
    clock, tries = Clock(2 * 3600 + 1), []

    def work() -> bool:
        tries.append(clock.now)
        if len(tries) == 2:
            raise SourceError("a source", "is down")
        return len(tries) < 4

    failures = run(clock, Task("hourly", timedelta(minutes=1), work, at="0 * * * *"))
    assert tries == [0, 0, 60, 60, 3600, 7200]
    assert failures == [(0, "hourly", 60)]


def test_a_tick_is_kept_when_the_time_of_day_is_put_right():
    clock, done, put_right = Clock(600), [], [0.0]
    task = Task("hourly", timedelta(minutes=5), lambda: bool(done.append(clock.now)), at="0 * * * *")
    schedule = Schedule(
        [task],
        lambda *_: None,
        clock=lambda: clock.now,
        wall=lambda: NOON + timedelta(seconds=clock.now + put_right[0]),
    )

    def pause(seconds: float) -> bool:
        if clock.now >= 60:
            put_right[0] = 3500.0
        return clock.pause(seconds)

    schedule.run(pause)
    assert done == [0, pytest.approx(120, abs=60)]


def test_a_task_that_is_hastened_does_not_wait_for_its_tick():
    clock, done = Clock(600), []
    task = Task("daily", timedelta(minutes=5), lambda: bool(done.append(clock.now)), at="0 3 * * *")
    schedule = Schedule([task], lambda *_: None, clock=lambda: clock.now, wall=lambda: NOON)

    def pause(seconds: float) -> bool:
        if clock.now == 120 and len(done) == 1:
            schedule.hasten("")
            seconds = 0.0
        return clock.pause(seconds)

    schedule.run(pause)
    assert done == [0, 120]
