"""The verb `simulate`, with a database that only keeps a diary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from asterism.declare.simulator import Database, Simulator, Transaction
from asterism.declare.stage import Stage
from asterism.errors import SourceError, UsageError
from asterism.run.pace import refuse_simulation
from asterism.run.simulate import simulate
from asterism.sources import Postgres

START = datetime(2024, 1, 1, 8)


@dataclass
class Diary:
    """A player that writes down what is asked of it; `broken` is refused."""

    lines: list[str] = field(default_factory=list)
    broken: str = ""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [(sql,)]

    def begin(self, transaction: Transaction) -> Entry:
        name = transaction.statements[0][0]
        if name == self.broken:
            raise SourceError("diary", "is torn")
        self.lines.append(f"begin {name}")
        return Entry(self, name)

    def close(self) -> None:
        self.lines.append("close")


@dataclass
class Entry:
    diary: Diary
    name: str
    rows: int = 1

    def commit(self) -> None:
        self.diary.lines.append(f"commit {self.name}")

    def rollback(self) -> None:
        self.diary.lines.append(f"rollback {self.name}")


@dataclass
class Clock:
    """Time that passes only in sleep."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def step(name: str, minute: float, hold: float = 0) -> Transaction:
    return Transaction(START + timedelta(minutes=minute), ((name, ((),)),), timedelta(minutes=hold))


def playing(*steps: Transaction) -> Simulator:
    return Simulator("steps", Postgres(""), lambda *_: iter(steps))


def test_transactions_commit_in_the_order_of_their_time() -> None:
    diary = Diary()
    report = simulate(playing(step("a", 0), step("late", 1, hold=5), step("b", 3), step("c", 9)), diary, speed=0)
    assert diary.lines == [
        *("begin a", "commit a", "begin late", "begin b", "commit b", "commit late", "begin c", "commit c"),
    ]
    assert (report.transactions, report.rows, report.span) == (4, 4, timedelta(minutes=9))


def test_what_is_held_at_the_end_is_committed() -> None:
    diary = Diary()
    report = simulate(playing(step("a", 0, hold=60), step("b", 1, hold=30)), diary, speed=0)
    assert diary.lines[2:] == ["commit b", "commit a"]
    assert report.span == timedelta(hours=1)


def test_an_hour_takes_a_minute_at_sixty() -> None:
    clock = Clock()
    simulate(playing(step("a", 0), step("b", 20), step("c", 60)), Diary(), speed=60, clock=clock, sleep=clock.sleep)
    assert clock.slept == pytest.approx([20, 40])


def test_a_late_commit_waits_for_its_time() -> None:
    clock = Clock()
    times: list[float] = []
    life = playing(step("late", 0, hold=10), step("b", 30))
    simulate(life, Diary(), speed=60, clock=clock, sleep=clock.sleep, on_commit=lambda _: times.append(clock.now - 100))
    assert times == pytest.approx([10, 30])


def test_a_pause_of_days_is_an_hour_long() -> None:
    clock = Clock()
    life = playing(step("friday", 0), step("monday", 3 * 24 * 60), step("later", 3 * 24 * 60 + 1))
    report = simulate(life, Diary(), speed=3600, clock=clock, sleep=clock.sleep)
    assert clock.slept == pytest.approx([1, 1 / 60])
    assert report.span == timedelta(days=3, minutes=1)


def test_lost_time_is_made_up() -> None:
    clock = Clock()

    def busy(_: Transaction) -> None:
        clock.now += 15

    life = playing(step("a", 0), step("b", 10), step("c", 40))
    simulate(life, Diary(), speed=60, clock=clock, sleep=clock.sleep, on_commit=busy)
    assert clock.slept == pytest.approx([10])
    assert clock.now == pytest.approx(155)


def test_as_fast_as_it_goes_never_sleeps() -> None:
    clock = Clock()
    simulate(playing(step("a", 0), step("b", 600)), Diary(), speed=0, clock=clock, sleep=clock.sleep)
    assert clock.slept == []


def test_a_limit_ends_an_endless_life() -> None:
    diary = Diary()
    endless = Simulator("endless", Postgres(""), lambda *_: (step(f"t{number}", number) for number in count()))
    assert simulate(endless, diary, speed=0, limit=3).transactions == 3
    assert diary.lines[-1] == "commit t2"


def test_stopping_commits_what_is_held_and_begins_nothing() -> None:
    diary = Diary()
    life = playing(step("late", 0, hold=600), step("b", 1), step("c", 2))
    simulate(life, diary, speed=0, stopped=lambda: "commit b" in diary.lines)
    assert diary.lines == ["begin late", "begin b", "commit b", "commit late"]


def test_a_failure_rolls_back_what_is_held() -> None:
    diary = Diary(broken="c")
    with pytest.raises(SourceError, match="is torn"):
        simulate(playing(step("late", 0, hold=600), step("b", 1), step("c", 2)), diary, speed=0)
    assert diary.lines == ["begin late", "begin b", "commit b", "rollback late"]


def test_a_database_is_made_before_it_is_lived_in_and_the_seed_reaches_both() -> None:
    def prepare(rng: Random, database: Database) -> Iterator[Transaction]:
        yield step(f"{database.rows('made')[0][0]} {rng.random()}", 0)

    def live(rng: Random, database: Database) -> Iterator[Transaction]:
        yield step(f"{database.rows('lived')[0][0]} {rng.random()}", 1)

    diary = Diary()
    committed: list[Transaction] = []
    report = simulate(Simulator("s", Postgres(""), live, prepare), diary, speed=0, seed=9, on_commit=committed.append)
    first = Random(9).random()
    assert [line for line in diary.lines if line.startswith("begin")] == [f"begin made {first}", f"begin lived {first}"]
    assert report.prepared
    assert report.transactions == len(committed) == 1


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(UsageError, match="--limit"):
        simulate(playing(), Diary(), limit=limit)


@pytest.mark.parametrize("speed", [-1.0, float("inf"), float("nan")])
def test_a_pace_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(UsageError, match="--speed"):
        simulate(playing(), Diary(), speed=speed)


def test_production_is_refused() -> None:
    there = {"warehouse": "duckdb:////w", "lake": "file:///l", "state": str(Path("/s"))}
    refuse_simulation(Stage("dev", **there))
    with pytest.raises(UsageError, match="is production"):
        refuse_simulation(Stage("prod", **there, production=True))
