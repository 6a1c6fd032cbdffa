"""The DuckDB that a process shares among its small works."""

from __future__ import annotations

import subprocess
import sys
import threading

import duckdb
import pytest

from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.duckdb.memory import shared
from asterism.adapters.postgres.values import converter
from asterism.declare.table import Column

USES = (
    "from asterism.adapters.duckdb.memory import shared as made",
    "from asterism.adapters.postgres.values import converter as made",
)


@pytest.mark.parametrize("use", USES)
def test_nothing_is_said_of_it_when_the_process_ends(use: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"{use}\nmade()"], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("made", [shared, converter])
def test_its_users_see_nothing_of_one_another_and_the_time_is_utc(made: object) -> None:
    assert callable(made)
    one, other = made(), made()
    one.execute("CREATE TEMPORARY TABLE t AS SELECT 1 AS a")
    other.execute("CREATE TEMPORARY TABLE t AS SELECT 2 AS a")
    assert (one.execute("FROM t").fetchall(), other.execute("FROM t").fetchall()) == ([(1,)], [(2,)])
    assert other.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    assert other.execute("SELECT '2026-01-01 12:00:00+02'::TIMESTAMPTZ::TIMESTAMP::VARCHAR").fetchall() == [
        ("2026-01-01 10:00:00",)
    ]


def test_readers_of_lines_read_side_by_side() -> None:
    found: dict[int, int] = {}

    def read(number: int) -> None:
        lines = b"".join(b'{"a": %d}\n' % number for _ in range(20_000))
        stream = DuckDBLines().read(lines, (Column("a", "BIGINT"),))
        found[number] = duckdb.connect().from_arrow(stream).aggregate("sum(a)").fetchall()[0][0]

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: number * 20_000 for number in range(6)}
