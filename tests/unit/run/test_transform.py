"""Transforms, where the example platforms do not reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asterism import Platform
from asterism.adapters.sqlite.log import SqliteLog
from asterism.ports.log import Entry
from asterism.run.quarantine import STREAM
from asterism.run.transform import TransformWorker


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
