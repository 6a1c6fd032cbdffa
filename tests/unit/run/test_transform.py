"""Transforms, where the example platforms do not reach."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from asterism import Platform
from asterism.adapters.sqlite.log import SqliteLog
from asterism.declare.stream import EventSimulator
from asterism.errors import AsterismError
from asterism.ports.log import Entry
from asterism.run.quarantine import STREAM
from asterism.run.simulate_events import simulate_events
from asterism.run.transform import TransformWorker
from asterism.simulators import Timed


def test_a_record_that_fails_half_way_gives_nothing(tmp_path: Path) -> None:
    platform = Platform("small")
    numbers, halves = platform.stream("numbers"), platform.stream("halves")

    @platform.transform(numbers, into=halves)
    def halve(record: Any) -> Iterator[dict[str, float]]:
        for number in record:
            yield {"half": number / 2}

    log = SqliteLog(tmp_path / "log.db")
    bodies = {"a": b"[1, 2]", "b": b'[3, "four"]', "c": b"[5]"}
    log.append("numbers", [Entry(name, "", body) for name, body in bodies.items()], numbers.dedupe)
    TransformWorker(platform.transforms[0], log).step()
    made = [each.id for each in log.read("halves", "test", {}, 10)]
    aside = [each.id for each in log.read(STREAM.name, "test", {}, 10)]
    log.close()
    assert made == ["halve/a/0", "halve/a/1", "halve/c/0"]
    assert aside == ["halve/b"]


def test_a_function_that_ends_the_program_or_says_what_no_table_takes_has_failed_at_its_record(tmp_path: Path) -> None:
    platform = Platform("small")
    words, said = platform.stream("words"), platform.stream("said")

    @platform.transform(words, into=said)
    def say(record: Any) -> Any:
        if record == "leave":
            sys.exit("no more")
        if record == "mumble":
            raise ValueError("\ud800 and \0")
        return record

    log = SqliteLog(tmp_path / "log.db")
    log.append("words", [Entry(w, "", msgspec.json.encode(w)) for w in ("leave", "mumble", "speak")], words.dedupe)
    TransformWorker(platform.transforms[0], log).step()
    made = [each.id for each in log.read("said", "test", {}, 10)]
    aside = [msgspec.json.decode(each.body)["reason"] for each in log.read(STREAM.name, "test", {}, 10)]
    log.close()
    assert made == ["say/speak/0"]
    assert aside == ["SystemExit: no more", r"ValueError: \ud800 and \0"]


def test_what_a_slow_function_made_is_kept_before_the_rest_is_begun(tmp_path: Path) -> None:
    platform = Platform("small")
    words, said = platform.stream("words"), platform.stream("said")

    @platform.transform(words, into=said)
    def say(record: Any) -> Any:
        time.sleep(0.1)
        return record

    log = SqliteLog(tmp_path / "log.db")
    log.append("words", [Entry(f"w{n}", "", b"1") for n in range(12)], words.dedupe)
    worker, steps = TransformWorker(platform.transforms[0], log), []
    while done := worker.step():
        steps.append(done)
        assert log.standing("said").records == sum(steps)
    log.close()
    assert sum(steps) == 12
    assert len(steps) > 1


@pytest.mark.parametrize("raised", [RuntimeError("\ud800"), SystemExit(4)])
def test_a_simulator_that_raises_is_told_by_its_name(tmp_path: Path, raised: BaseException) -> None:
    platform = Platform("small")

    @platform.simulator(platform.stream("words"))
    def talker(_random: Random) -> Iterator[Timed]:
        yield Timed(datetime(2026, 1, 1), "hello")
        raise raised

    log = SqliteLog(tmp_path / "log.db")
    assert isinstance(platform.simulators[0], EventSimulator)
    with pytest.raises(AsterismError, match=f"simulator talker: raised {type(raised).__name__}"):
        simulate_events(platform.simulators[0], log, speed=0)
    log.close()
