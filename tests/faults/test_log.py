"""kill -9, a full disk, a broken file: what was acknowledged stands once, the rest is all there or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Thread

import pytest
from faults import test_disk
from faults.log_victim import BATCH, STREAM

from asterism.adapters.sqlite.log import SqliteLog
from asterism.errors import LogError
from asterism.ports.log import Entry
from asterism.run.collect import Collector

VICTIM = Path(__file__).with_name("log_victim.py")
PATIENCE = 120.0
disk = test_disk.disk


def ids(log: SqliteLog, stream: str = STREAM.name) -> list[str]:
    found: list[str] = []
    after: dict[str, int] = {}
    while page := log.read(stream, "all", after, 5_000):
        found += [each.id for each in page]
        after = {page[-1].partition: page[-1].position}
    return found


def appended(log: SqliteLog, name: str, size: int, count: int = 10) -> list[str]:
    entries = [Entry(f"{name}-{number}", "k", b"x" * size) for number in range(count)]
    log.append(STREAM.name, entries, STREAM.dedupe)
    return [entry.id for entry in entries]


@pytest.mark.slow(15)
def test_what_was_acknowledged_before_a_kill_stands_once(tmp_path: Path) -> None:
    path, rng = tmp_path / "log.db", Random(7)
    acknowledged: list[str] = []
    for round_ in range(5):
        told = [tmp_path / f"{round_}-{number}" for number in range(3)]
        processes = []
        for file in told:
            with file.open("wb") as out:
                processes.append(subprocess.Popen([sys.executable, VICTIM, path, file.name], stdout=out))
        try:
            deadline = time.monotonic() + PATIENCE
            while any(file.stat().st_size < 1_000 for file in told):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            for process in processes:
                time.sleep(rng.uniform(0, 0.2))
                process.send_signal(signal.SIGKILL)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        for file in told:
            acknowledged += file.read_text().splitlines()
        log = SqliteLog(path)
        counted = Counter(ids(log))
        assert set(counted.values()) == {1}
        assert set(acknowledged) - set(counted) == set()
        assert set(Counter(each.rsplit("-", 1)[0] for each in counted if "-batch-" in each).values()) == {BATCH}
        again = [Entry(each, "k", b"") for each in acknowledged]
        assert not any(log.append(STREAM.name, again, STREAM.dedupe))
        assert log.standing(STREAM.name).records == len(counted)
        log.close()
    by_producer = defaultdict(list)
    log = SqliteLog(path)
    for each in ids(log):
        producer, number = each.rsplit("-", 1) if "-batch-" not in each else each.rsplit("-", 2)[:2]
        by_producer[producer].append(int(number))
    assert all(numbers == sorted(numbers) for numbers in by_producer.values())
    log.close()


def test_a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_room(disk: Path) -> None:
    log = SqliteLog(disk / "log.db")
    kept = appended(log, "before", 100)
    ballast = test_disk.fill(disk, leave=1_500_000)
    refused: list[LogError] = []
    for number in range(100):
        try:
            kept += appended(log, f"r{number}", 20_000)
        except LogError as error:
            refused.append(error)
    assert refused
    assert all("full" in error.fact and "Free some" in error.remedy for error in refused)
    assert ids(log) == kept
    with suppress(LogError):  # small ones may still fit
        kept += appended(log, "small", 1)
    assert ids(log) == kept
    ballast.unlink()
    kept += appended(log, "after", 20_000)
    assert ids(log) == kept
    log.close()
    log = SqliteLog(disk / "log.db")
    assert ids(log) == kept
    assert log.append(STREAM.name, [Entry(each, "k", b"") for each in kept], STREAM.dedupe) == [False] * len(kept)
    log.close()


def test_producers_are_told_of_a_full_disk_and_none_waits_for_ever(disk: Path) -> None:
    log = SqliteLog(disk / "log.db")
    collector = Collector(log)
    ballast = test_disk.fill(disk, leave=1_500_000)
    taken: list[str] = []
    refused: list[str] = []

    def produce(name: str) -> None:
        for number in range(40):
            entry = Entry(f"{name}{number}", name, b"x" * 20_000)
            try:
                collector.append(STREAM, [entry])
                taken.append(entry.id)
            except LogError:
                refused.append(entry.id)

    threads = [Thread(target=produce, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused
    assert sorted(ids(log)) == sorted(taken)
    ballast.unlink()
    assert collector.append(STREAM, [Entry(each, "k", b"x") for each in refused]) == [True] * len(refused)
    collector.close()
    assert sorted(ids(log)) == sorted(taken + refused)
    log.close()


def test_a_log_that_cannot_be_made_for_want_of_room_is_told_and_made_later(disk: Path) -> None:
    ballast = test_disk.fill(disk)
    with pytest.raises(LogError, match=str(disk)):
        SqliteLog(disk / "log.db")
    ballast.unlink()
    log = SqliteLog(disk / "log.db")
    assert ids(log) == []
    log.close()


def test_a_broken_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = SqliteLog(path)
    appended(log, "r", 1_000, count=100)
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + Random(3).randbytes(len(whole) - 4096))
    with pytest.raises(LogError, match="malformed") as caught:
        ids(SqliteLog(path))
    assert str(path) in caught.value.fact
    assert "backup" in caught.value.remedy
    path.write_bytes(whole)
    log = SqliteLog(path)
    assert len(ids(log)) == 100
    log.close()
