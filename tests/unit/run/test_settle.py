"""What was acknowledged before a report is in it, whatever makes records of records."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from asterism import Platform, Record
from asterism.adapters.sqlite.log import SqliteLog
from asterism.ports.log import Entry
from asterism.run.settle import makers, settle
from asterism.run.transform import TransformWorker


class Count(Record):
    seen: int = 0


def declared() -> Platform:
    """Three streams in a row, declared from the last to the first."""
    platform = Platform("small")
    first, second, third = (platform.stream(name) for name in ("first", "second", "third"))

    @platform.view(second, key=None, into=third)
    def count(state: Count, _: Any) -> tuple[Count, list[Any]]:
        return Count(seen=state.seen + 1), []

    @platform.view(third, key=None)
    def watched(state: Count, _: Any) -> Count:
        return state

    @platform.transform(first, into=second)
    def copy(record: Any) -> Any:
        return record

    return platform


def test_who_makes_records_stands_behind_those_that_make_what_it_reads() -> None:
    assert [each.consumer for each in makers(declared())] == ["transform:copy", "view:count"]


def test_it_waits_for_all_that_is_made_of_what_stands_in_the_log(tmp_path: Path) -> None:
    platform = declared()
    log = SqliteLog(tmp_path / "log.db")
    log.append("first", [Entry(str(number), "", b"{}") for number in range(3)], timedelta(days=1))
    one, two = makers(platform)
    done: list[bool] = []
    waiting = threading.Thread(target=lambda: done.append(settle([one, two], log)))
    waiting.start()
    TransformWorker(platform.transforms[0], log).step()
    assert done == []
    log.commit("second", two.consumer, log.standing("second").end)
    waiting.join(60)
    log.close()
    assert done == [True]


def test_what_stands_still_or_a_word_to_stop_ends_the_waiting(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    log.append("first", [Entry("1", "", b"{}")], timedelta(days=1))
    assert not settle(makers(declared()), log, patience=0.0)
    assert not settle(makers(declared()), log, stopped=lambda _: True)
    log.close()
