"""Group commit: who is answered, with what, in which order, and when it is too much."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from asterism.adapters.sqlite.log import SqliteLog
from asterism.declare.stream import Stream
from asterism.errors import LogError
from asterism.ports.log import Entry
from asterism.run.collect import Collector, Outcome

S, T = Stream("s"), Stream("t")


class Slow(SqliteLog):
    """A log whose appends wait until they may go on, and fail where they are told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun, self.may = threading.Semaphore(0), threading.Semaphore(0)
        self.rounds: list[tuple[str, int]] = []
        self.error: BaseException | None = None

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:
        self.begun.release()
        assert self.may.acquire(timeout=60)
        self.rounds.append((stream, len(entries)))
        if self.error is not None:
            raise self.error
        return super().append(stream, entries, dedupe)


@pytest.fixture
def log(tmp_path: Path):
    made = Slow(tmp_path / "log.db")
    yield made
    made.close()


@pytest.fixture
def collector(log: Slow):
    made = Collector(log)
    yield made
    log.may.release(1000)
    made.close()


def entry(name: str, size: int = 1) -> Entry:
    return Entry(name, "k", b"x" * size)


def ids(log: SqliteLog, stream: str = "s") -> list[str]:
    return [each.id for each in log.read(stream, "c", {}, 10_000)]


def test_what_comes_while_the_log_commits_goes_into_one_append_a_stream(log: Slow, collector: Collector) -> None:
    told: dict[str, Outcome] = {}
    collector.submit(S, [entry("first")], lambda outcome: told.update(first=outcome))
    assert log.begun.acquire(timeout=60)
    for number in range(50):
        name = f"r{number}"
        stream = T if number % 5 == 0 else S
        collector.submit(stream, [entry(name), entry("again")], lambda outcome, name=name: told.update({name: outcome}))
    assert told == {}
    log.may.release(3)
    collector.close()
    assert log.rounds == [("s", 1), ("t", 20), ("s", 80)]
    assert told["first"] == [True]
    assert (told["r0"], told["r1"]) == ([True, True], [True, True])
    assert all(told[f"r{number}"] == [True, False] for number in range(2, 50) if number != 5)
    assert ids(log) == ["first", "r1", "again", *(f"r{number}" for number in range(2, 50) if number % 5)]


def test_who_is_answered_was_written(log: Slow, collector: Collector) -> None:
    log.may.release(1000)
    outcomes: list[Outcome] = []

    def produce(name: str) -> None:
        outcomes.extend([collector.append(S, [entry(f"{name}{number}")]) for number in range(20)])

    threads = [threading.Thread(target=produce, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [[True]] * 160
    found = ids(log)
    for name in "abcdefgh":
        assert [each for each in found if each[0] == name] == [f"{name}{number}" for number in range(20)]
    assert len(log.rounds) < 160


def test_all_of_a_failed_append_are_told_and_the_next_goes_on(log: Slow, collector: Collector) -> None:
    told: list[Outcome] = []
    log.error = LogError("the log", "is full")
    collector.submit(S, [entry("a")], told.append)
    assert log.begun.acquire(timeout=60)
    for name in "bcd":
        collector.submit(S, [entry(name)], told.append)
    log.may.release(3)
    with pytest.raises(LogError, match="is full"):
        collector.append(T, [entry("e")])
    assert told == [log.error] * 4
    log.error = None
    log.may.release()
    assert collector.append(S, [entry("a")]) == [True]
    assert ids(log) == ["a"]


def test_a_producer_who_is_gone_stops_no_other(log: Slow, collector: Collector) -> None:
    def gone(outcome: Outcome) -> None:
        raise RuntimeError("the loop is closed")

    told: list[Outcome] = []
    collector.submit(S, [entry("a")], gone)
    assert log.begun.acquire(timeout=60)
    collector.submit(S, [entry("b")], gone)
    collector.submit(S, [entry("c")], told.append)
    log.may.release(3)
    assert collector.append(S, [entry("d")]) == [True]
    assert told == [[True]]


def test_too_much_waiting_is_refused_at_once_and_taken_later(log: Slow) -> None:
    collector = Collector(log, most_waiting=10_000)
    told: list[Outcome] = []
    collector.submit(S, [entry("first")], told.append)
    assert log.begun.acquire(timeout=60)
    collector.submit(S, [entry("large", 20_000)], told.append)  # alone it is taken, whatever its size
    with pytest.raises(LogError, match="cannot take more") as caught:
        collector.submit(S, [entry("second")], told.append)
    assert "again" in caught.value.remedy
    log.may.release(1000)
    collector.close()
    assert told == [[True], [True]]
    assert ids(log) == ["first", "large"]


def test_small_records_count_with_what_they_take_in_memory(log: Slow) -> None:
    collector = Collector(log, most_waiting=100_000)
    collector.submit(S, [entry("first")], lambda _: None)
    assert log.begun.acquire(timeout=60)
    collector.submit(S, [entry(f"r{number}", 0) for number in range(150)], lambda _: None)
    with pytest.raises(LogError, match="cannot take more"):
        collector.submit(S, [entry(f"s{number}", 0) for number in range(150)], lambda _: None)
    log.may.release(1000)
    collector.close()


def test_what_waits_is_appended_in_rounds_of_some_megabytes(log: Slow, collector: Collector) -> None:
    told: list[Outcome] = []
    collector.submit(S, [entry("first")], told.append)
    assert log.begun.acquire(timeout=60)
    for number in range(20):
        collector.submit(S, [entry(f"r{number}", 1_000_000)], told.append)
    log.may.release(1000)
    collector.close()
    assert [count for _, count in log.rounds] == [1, 7, 7, 6]
    assert told == [[True]] * 21
    assert log.standing("s").records == 21


def test_closing_appends_what_was_taken_and_refuses_more(log: Slow, collector: Collector) -> None:
    told: list[Outcome] = []
    for number in range(10):
        collector.submit(S, [entry(f"r{number}")], told.append)
    log.may.release(1000)
    collector.close()
    collector.close()
    assert told == [[True]] * 10
    with pytest.raises(LogError, match="is closed"):
        collector.submit(S, [entry("late")], told.append)
