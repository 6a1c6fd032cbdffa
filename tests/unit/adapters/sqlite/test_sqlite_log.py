"""What the log in SQLite adds to any log: files, connections, forks, and how fast ids are looked up."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from asterism.adapters.sqlite import database
from asterism.adapters.sqlite.log import SqliteLog
from asterism.errors import LogError
from asterism.ports.log import Entry

WEEK = timedelta(days=7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stage" / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    made = SqliteLog(path)
    yield made
    made.close()


def entries(count: int, size: int = 1, name: str = "r") -> list[Entry]:
    return [Entry(f"{name}{number}", "k", b"x" * size) for number in range(count)]


def test_a_log_that_was_made_anew_has_another_partition(log: SqliteLog, path: Path) -> None:
    log.append("s", entries(3), WEEK)
    offsets = dict(log.standing("s").end)
    log.close()
    path.unlink()
    anew = SqliteLog(path)
    anew.append("s", entries(1), WEEK)
    assert dict(anew.standing("s").end) != offsets
    assert [each.id for each in anew.read("s", "c", offsets, 10)] == ["r0"]
    anew.close()


def test_a_stream_whose_first_append_fails_is_made_by_the_next_one(log: SqliteLog) -> None:
    log.append("other", entries(1), WEEK)
    with pytest.raises(LogError, match="cannot be used"):
        log.append("s", [*entries(2), Entry("bad", None, b"1")], WEEK)  # type: ignore[arg-type]
    assert log.read("s", "c", {}, 10) == []
    log.append("third", entries(1), WEEK)
    assert log.append("s", entries(2), WEEK) == [True, True]
    assert [len(log.read(name, "c", {}, 10)) for name in ("other", "s", "third")] == [1, 2, 1]


def test_nothing_of_a_failed_append_stands_and_its_ids_are_free(log: SqliteLog) -> None:
    log.append("s", entries(1), WEEK)
    before = log.standing("s")
    with pytest.raises(LogError):
        log.append("s", [Entry("a", "k", b"1"), Entry("bad", None, b"1")], WEEK)  # type: ignore[arg-type]
    assert log.standing("s") == before
    assert log.append("s", [Entry("a", "k", b"1")], WEEK) == [True]


def test_ids_are_looked_up_by_key_however_many_are_remembered(log: SqliteLog, path: Path) -> None:
    """SQLite counts the steps of its machine: no more for the same append after ten thousand ids than after none."""
    log.append("s", entries(10_000), WEEK)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection = sqlite3.connect(path)
    connection.set_progress_handler(step, 100)
    fresh = SqliteLog._fresh(connection, 1, entries(64, name="new"), 0)
    connection.close()
    assert all(fresh)
    assert steps < 100


def test_what_is_erased_stands_nowhere_in_the_folder(log: SqliteLog, path: Path) -> None:
    for round_ in range(6):
        made = [
            Entry(f"id-{name}{'x' * (n % 90)}", f"key-{n:04}-{name}", f"body-{name}-".encode() * (n % 40 + 1))
            for n, name in ((n, f"{n * 7919 % 500:04}-{round_}") for n in range(500))
        ]
        log.append("s", made, WEEK)
        gone = [entry for n, entry in enumerate(made) if n % 3 != round_ % 3]
        log.erase("s", [entry.id for entry in gone])
        left = b"".join(file.read_bytes() for file in path.parent.iterdir())
        texts = {text for entry in gone for text in (entry.id.encode()[:9], entry.key.encode(), entry.body[:12])}
        assert [text for text in texts if text in left] == []


def test_what_is_written_ahead_does_not_grow_without_end_under_readers(
    log: SqliteLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_AHEAD", 4_000_000)
    monkeypatch.setattr(database, "_READERS_LEAVE", 5.0)
    log = SqliteLog(path)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            log.read("s", "c", {}, 100)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        ahead = Path(f"{path}-wal")
        largest = 0
        for number in range(60):
            log.append("s", entries(10, 50_000, f"{number}-"), WEEK)
            largest = max(largest, ahead.stat().st_size)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        log.close()
    assert largest < 16_000_000


def test_a_reader_who_stays_delays_no_append_and_is_told_of_by_erasing(
    log: SqliteLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_READERS_MUST_LEAVE", 0.05)
    log.append("s", entries(5), WEEK)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM records_1").fetchall()
    assert log.append("s", entries(5, name="more"), WEEK) == [True] * 5
    with pytest.raises(LogError, match=r"still stands in .*-wal") as caught:
        log.erase("s", ["r1"])
    assert "Do it again" in caught.value.remedy
    other.close()
    assert log.erase("s", ["r1"]) == 0
    assert not Path(f"{path}-wal").stat().st_size


def test_connections_are_as_many_as_read_at_a_time(log: SqliteLog) -> None:
    log.append("s", entries(5), WEEK)
    for _ in range(20):
        thread = threading.Thread(target=log.read, args=("s", "c", {}, 10))
        thread.start()
        thread.join()
    assert len(log._database._idle) == 1


def test_closing_does_not_disturb_who_reads(log: SqliteLog) -> None:
    log.append("s", entries(200, 10_000), WEEK)
    told: list[object] = []

    def read() -> None:
        try:
            while True:
                told.append(len(log.read("s", "c", {}, 200, wait=0.01)))
        except LogError as error:
            told.append(error.fact)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    while len(told) < 6:
        pass
    log.close()
    for reader in readers:
        reader.join()
    assert {each for each in told if isinstance(each, int)} == {200}
    assert [each for each in told if isinstance(each, str)] == [f"{log._database.path} is closed"] * 3


def test_a_closed_log_says_so(log: SqliteLog) -> None:
    log.close()
    for work in (partial(log.append, "s", entries(1), WEEK), partial(log.read, "s", "c", {}, 1)):
        with pytest.raises(LogError, match="is closed"):
            work()


def _use(log: SqliteLog, told: multiprocessing.queues.SimpleQueue[str]) -> None:
    for work in (partial(log.append, "s", entries(1), WEEK), partial(log.read, "s", "c", {}, 1)):
        try:
            work()
        except LogError as error:
            told.put(error.fact)
    log.close()


def test_a_forked_process_is_refused_and_harms_nothing(log: SqliteLog) -> None:
    log.append("s", entries(3), WEEK)
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=_use, args=(log, told))
    child.start()
    facts = [told.get(), told.get()]
    child.join()
    assert all("before this process was forked" in fact for fact in facts)
    assert log.append("s", entries(4), WEEK) == [False, False, False, True]


def test_a_file_that_is_no_log_is_told_with_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, and never was" * 1000)
    with pytest.raises(LogError, match="file is not a database") as caught:
        SqliteLog(path)
    assert str(path) in caught.value.fact
    assert "backup" in caught.value.remedy


def test_trimming_forgets_ids_whose_time_is_over(log: SqliteLog, path: Path) -> None:
    log.append("s", entries(25_000), timedelta(0))
    log.append("s", entries(10, name="lasting"), WEEK)
    log.trim("s", (), datetime(2000, 1, 1))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM ids").fetchall() == [(10,)]
    connection.close()
