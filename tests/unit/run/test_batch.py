"""An initial load whose next chunk is read while the last one is committed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.once import OnceStream
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.declare.model import Model
from asterism.declare.source import Postgres, Pull
from asterism.declare.table import Column, Table
from asterism.errors import EngineError, SourceError
from asterism.ports.arrow import ArrowStream
from asterism.ports.source import Answer, Batch, Cursor
from asterism.run.land import Landing
from asterism.run.pull import pull, pull_step
from asterism.run.rebuild import rebuild, refresh
from asterism.run.status import status
from asterism.run.trouble import held
from asterism.run.verify import verify
from asterism.run.warehouse import Warehouse

NUMBERS = Table("s.numbers", (Column("n", "BIGINT", nullable=False), Column("said", "VARCHAR")), ("n",))
OTHERS = replace(NUMBERS, name="t.numbers")
PULL = Pull(Postgres("chunks"), "s", every=timedelta(days=1), reconcile=timedelta(days=365))
CHUNKS, ROWS = 4, 100
PATIENCE = 120.0
STAR = (
    Model("star", Path("star.sql"), "Numbers.", "select n, said from s.numbers", 1, "fact", ("n",)),
    Model(
        "sums",
        Path("sums.sql"),
        "Of the star.",
        "select n % 2 as odd, count(*) as n from star group by 1",
        1,
        "mart",
        ("odd",),
    ),
    Model("apart", Path("apart.sql"), "Of another source.", "select n, said from t.numbers", 1, "fact", ("n",)),
)


class Chunks:
    """Implements `Source`: CHUNKS chunks of ROWS numbers, then polls that find nothing."""

    def __init__(self, met: Callable[[int], None] = lambda _: None, table: Table = NUMBERS) -> None:
        self._connection = duckdb.connect()
        self._table = table
        self._met = met
        self._busy = threading.Lock()

    def describe(self) -> tuple[Table, ...]:
        return (self._table,)

    @contextmanager
    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> Iterator[Answer]:  # noqa: ARG002  as the port says
        assert self._busy.acquire(blocking=False), "two threads use the source"
        try:
            number = cursor.get("chunk", 0)
            self._met(number)
            first = number * ROWS
            sql = f"SELECT n, 'number ' || n AS said FROM range({first}, {first + ROWS}) AS t (n)"
            batch = Batch(self._table, OnceStream(self._connection.sql(sql).__arrow_c_stream__))
            at, rest = datetime(2025, 1, 1) + timedelta(minutes=number), number < CHUNKS
            following = {"chunk": number + 1} if rest else cursor
            yield Answer(at, iter((batch,) if rest else ()), following, complete=not rest)
        finally:
            self._busy.release()

    def everything(self) -> AbstractContextManager[Answer]:
        raise NotImplementedError

    def estimate(self, cursor: Cursor) -> int | None:
        assert not self._busy.locked(), "two threads use the source"
        return (CHUNKS - cursor.get("chunk", 0)) * ROWS

    def close(self) -> None:
        self._connection.close()


class Hooked(DuckDBEngine):
    """An engine that tells of every load into the table."""

    def __init__(self, hook: Callable[[], None]) -> None:
        super().__init__()
        self._hook = hook

    def load(self, table: str, columns: Sequence[Column], data: ArrowStream, *, temporary: bool = False) -> int:
        if not temporary:
            self._hook()
        return super().load(table, columns, data, temporary=temporary)


def _warehouse(folder: Path, engine: DuckDBEngine | None = None, models: tuple[Model, ...] = ()) -> Warehouse:
    return Warehouse(engine or DuckDBEngine(), ObstoreLake(f"file://{folder / 'lake'}"), DuckDBParquet(), models)


def _numbers(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.engine.rows("SELECT count(*), count(DISTINCT n), min(n), max(n) FROM s.numbers")


WHOLE = [(CHUNKS * ROWS, CHUNKS * ROWS, 0, CHUNKS * ROWS - 1)]


def test_a_chunk_is_read_while_the_one_before_is_committed(tmp_path: Path) -> None:
    asked = threading.Semaphore(0)
    met: list[int] = []

    def commit_waits() -> None:
        assert asked.acquire(timeout=PATIENCE), "nobody reads ahead"

    def ask(number: int) -> None:
        met.append(number)
        if number:
            asked.release()

    warehouse = _warehouse(tmp_path, Hooked(commit_waits))
    done = pull(warehouse, PULL, Chunks(ask))
    assert _numbers(warehouse) == WHOLE
    assert (done.rows, done.added, done.complete) == (CHUNKS * ROWS, CHUNKS * ROWS, True)
    assert met == [0, 1, 2, 3, CHUNKS, CHUNKS]  # the poll at the end has its own turn


def test_a_load_resumes_exactly_where_a_commit_failed(tmp_path: Path) -> None:
    loads = iter(range(100))

    def third_fails() -> None:
        if next(loads) == 2:
            raise EngineError("the warehouse", "the disk is full")

    warehouse = _warehouse(tmp_path, Hooked(third_fails))
    source = Chunks()
    with pytest.raises(EngineError, match="the disk is full"):
        pull(warehouse, PULL, source)
    assert _numbers(warehouse) == [(2 * ROWS, 2 * ROWS, 0, 2 * ROWS - 1)]
    assert pull(warehouse, PULL, source).added == 2 * ROWS
    assert _numbers(warehouse) == WHOLE


def test_what_is_landed_ahead_and_never_committed_counts_for_nothing(tmp_path: Path) -> None:
    loads = iter(range(100))

    def second_fails() -> None:
        if next(loads) == 1:
            raise EngineError("the warehouse", "the disk is full")

    warehouse = _warehouse(tmp_path, Hooked(second_fails))
    with pytest.raises(EngineError):
        pull(warehouse, PULL, Chunks())
    landing = Landing(warehouse.lake, warehouse.parquet)
    objects = list(warehouse.lake.list("raw/s/numbers/"))
    assert [manifest.seq for manifest in landing.manifests("s")] == [0, 1]
    assert len(objects) == 3
    rebuild(warehouse, ("s",))
    assert _numbers(warehouse) == [(2 * ROWS, 2 * ROWS, 0, 2 * ROWS - 1)]


def test_an_error_met_ahead_is_raised_after_the_commit_before_it(tmp_path: Path) -> None:
    def second_is_down(number: int) -> None:
        if number == 1 and not up.is_set():
            raise SourceError("s", "the server went away", "It is tried again.", transient=True)

    up = threading.Event()
    warehouse, source = _warehouse(tmp_path), Chunks(second_is_down)
    with pytest.raises(SourceError, match="went away"):
        pull(warehouse, PULL, source)
    assert _numbers(warehouse) == [(ROWS, ROWS, 0, ROWS - 1)]
    assert warehouse.ledger.position("s") is not None
    up.set()
    pull(warehouse, PULL, source)
    assert _numbers(warehouse) == WHOLE


def test_progress_tells_of_all_rows(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    pull(_warehouse(tmp_path), PULL, Chunks(), progress=lambda _, done, total: told.append((done, total)))
    assert told == [(number * ROWS, CHUNKS * ROWS) for number in range(1, CHUNKS + 1)]


def _states(warehouse: Warehouse) -> dict[str, tuple[str, str]]:
    return {each.model: (each.state, each.error) for each in status(warehouse, ("s",)).models}


def test_stars_follow_once_at_the_end_of_a_load_whatever_asks_for_them_meanwhile(tmp_path: Path) -> None:
    warehouse, source = _warehouse(tmp_path, models=STAR), Chunks()
    waits, absent = ("waiting", "waits for the initial load of s"), "there is no table 't.numbers'"
    with closing(source), closing(Chunks(table=OTHERS)) as other:
        for _ in range(2):
            assert not pull_step(warehouse, PULL, source).complete
            done = refresh(warehouse)  # as the clock asks every few seconds
            assert (done.refreshed, done.held) == ((), ())
            assert _states(warehouse) == {"star": waits, "sums": waits, "apart": ("waiting", absent)}
        assert pull(warehouse, replace(PULL, into="t"), other).held == ()
        assert _states(warehouse) == {"star": waits, "sums": waits, "apart": ("current", "")}
        assert not warehouse.session.columns("star")
        done = pull(warehouse, PULL, source)
    built = {each.table: (each.how, each.added) for each in done.refreshed}
    assert built == {"star": ("built", CHUNKS * ROWS), "sums": ("built", 2)}
    assert {state for state, _ in _states(warehouse).values()} == {"current"}
    assert not any(each.count for each in verify(warehouse))


def test_a_model_that_is_made_to_read_a_source_that_is_being_loaded_stays_as_it_was_till_then(tmp_path: Path) -> None:
    warehouse, source = _warehouse(tmp_path, models=STAR[2:]), Chunks()
    edited = replace(STAR[2], sql="select t.n, s.said from t.numbers t join s.numbers s on s.n = t.n")
    with closing(source), closing(Chunks(table=OTHERS)) as other:
        pull(warehouse, replace(PULL, into="t"), other)
        pull_step(warehouse, PULL, source)
        warehouse.models = (edited,)
        warehouse.forget()
        for _ in range(2):
            assert refresh(warehouse).held == (("apart", "waits for the initial load of s"),)
            assert warehouse.session.rows("SELECT count(*) FROM apart") == [(CHUNKS * ROWS,)]
        assert len(warehouse.ledger.refreshes(0, 100)) == 2, "it is not noted again that nothing happened"
        assert [*held(warehouse.ledger.models(), datetime(2025, 1, 1))] == [], "nothing is wrong, and nobody is told"
        assert pull(warehouse, PULL, source).held == ()
    assert _states(warehouse) == {"apart": ("current", "")}
    assert not any(each.count for each in verify(warehouse))


def test_a_source_that_answers_day_by_day_is_not_waited_for(tmp_path: Path) -> None:
    warehouse, source = replace(_warehouse(tmp_path, models=STAR[:2]), dated=frozenset({"s"})), Chunks()
    with closing(source):
        pull_step(warehouse, PULL, source)
        assert [each.added for each in refresh(warehouse).refreshed] == [ROWS, 2]
        pull(warehouse, PULL, source)
    assert not any(each.count for each in verify(warehouse))
