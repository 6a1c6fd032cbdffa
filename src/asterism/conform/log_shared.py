"""What every Log must do for several threads and processes at a time; see conform/log.py."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.queues import SimpleQueue

from asterism.conform.log import Exercise, MakeLog, check_same, offsets, read_all
from asterism.ports.log import Entry, Log, Logged

_WEEK = timedelta(days=7)
_PATIENCE = 60.0


def threads_of_one_object_work_side_by_side(make_log: MakeLog) -> None:
    """Producers of several streams, and a reader of each that misses nothing."""
    log = make_log()
    failed: list[BaseException] = []

    def work(task: Callable[[], object]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    def follow(stream: str) -> None:
        check_same(_until(log, stream, 100, "until"), [Entry(f"r{number}", "k", b"1") for number in range(100)])

    tasks: list[Callable[[], object]] = []
    for stream in ("s", "t"):
        tasks.append(lambda stream=stream: _produce(log, stream, "r", 100))  # type: ignore[misc]
        tasks.append(lambda stream=stream: follow(stream))  # type: ignore[misc]
    threads = [threading.Thread(target=work, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    log.close()


def processes_append_and_read_side_by_side(make_log: MakeLog) -> None:
    """Who reads up to a position misses no earlier one; of each producer, records come in its order."""
    context = multiprocessing.get_context("spawn")
    told: SimpleQueue[list[tuple[str, str]]] = context.SimpleQueue()
    names = ("a", "b")
    processes = [context.Process(target=_produced, args=(make_log, name)) for name in names]
    processes += [context.Process(target=_followed, args=(make_log, 2 * 150, name, told)) for name in names]
    for each in processes:
        each.start()
    first, second = told.get(), told.get()
    for each in processes:
        each.join()
        assert each.exitcode == 0
    assert sorted(first) == sorted(second)
    for name in names:
        assert [ident for ident, key in first if key == name] == [f"{name}{number}" for number in range(150)]
    log = make_log()
    assert sorted((each.id, each.key) for each in read_all(log, "s")) == sorted(first)
    log.close()


def processes_take_an_id_once(make_log: MakeLog) -> None:
    """Several send the same: each id stands once, and one of them was told that it was new."""
    context = multiprocessing.get_context("spawn")
    told: SimpleQueue[int] = context.SimpleQueue()
    processes = [context.Process(target=_sent, args=(make_log, told)) for _ in range(3)]
    for each in processes:
        each.start()
    assert sum(told.get() for _ in processes) == 300
    for each in processes:
        each.join()
    log = make_log()
    assert sorted(each.id for each in read_all(log, "s")) == sorted(f"r{number}" for number in range(300))
    log.close()


LOG_SHARED_EXERCISES: tuple[Exercise, ...] = (
    threads_of_one_object_work_side_by_side,
    processes_append_and_read_side_by_side,
)
DEDUPE_SHARED_EXERCISES: tuple[Exercise, ...] = (processes_take_an_id_once,)


def _until(log: Log, stream: str, count: int, consumer: str) -> list[Logged]:
    """What a consumer sees that reads while others append."""
    found: list[Logged] = []
    deadline = time.monotonic() + _PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline
        found += log.read(stream, consumer, offsets(found), 50, wait=1.0)
        log.commit(stream, consumer, offsets(found))
    return found


def _produce(log: Log, stream: str, name: str, count: int, key: str = "k") -> None:
    for number in range(count):
        log.append(stream, [Entry(f"{name}{number}", key, b"1")], _WEEK)


def _produced(make_log: MakeLog, name: str) -> None:
    log = make_log()
    _produce(log, "s", name, 150, key=name)
    log.close()


def _followed(make_log: MakeLog, count: int, name: str, told: SimpleQueue[list[tuple[str, str]]]) -> None:
    log = make_log()
    told.put([(each.id, each.key) for each in _until(log, "s", count, name)])
    log.close()


def _sent(make_log: MakeLog, told: SimpleQueue[int]) -> None:
    log = make_log()
    entries = [Entry(f"r{number}", "k", b"1") for number in range(300)]
    told.put(sum(sum(log.append("s", entries[at : at + 10], _WEEK)) for at in range(0, 300, 10)))
    log.close()
