"""Scrubbing: a file without a byte of what was deleted, whatever happens on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.errors import EngineError


def held(folder: Path, text: bytes) -> list[str]:
    return [file.name for file in folder.iterdir() if file.is_file() and text in file.read_bytes()]


@pytest.fixture
def engine(tmp_path: Path) -> DuckDBEngine:
    engine = DuckDBEngine(tmp_path / "warehouse.duckdb")
    engine.execute("create schema streams")
    engine.execute("create table streams.users (id integer not null, name varchar)")
    engine.execute("comment on column streams.users.name is 'as it came'")
    engine.execute("insert into streams.users select range, 'somebody' from range(1000)")
    engine.execute("insert into streams.users values (1000, 'Quibblethorn')")
    return engine


def test_deleted_rows_leave_no_byte_and_the_others_stay(engine: DuckDBEngine, tmp_path: Path) -> None:
    engine.execute("checkpoint")
    columns = engine.columns("streams.users")
    engine.execute("delete from streams.users where name = 'Quibblethorn'")
    assert held(tmp_path, b"Quibblethorn")
    engine.scrub()
    assert held(tmp_path, b"Quibblethorn") == []
    assert engine.rows("select count(*), min(name) from streams.users") == [(1000, "somebody")]
    assert engine.columns("streams.users") == columns
    with pytest.raises(EngineError):
        engine.execute(f"attach '{tmp_path / 'other.duckdb'}'")  # still fenced in
    engine.close()
    assert [file.name for file in tmp_path.iterdir()] == ["warehouse.duckdb"]


def test_where_there_is_no_room_for_a_copy_the_file_is_as_it_was(engine: DuckDBEngine, tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb.fresh").mkdir()
    with pytest.raises(EngineError):
        engine.scrub()
    assert engine.rows("select count(*) from streams.users") == [(1001,)]
    engine.close()


def test_a_copy_that_was_begun_by_who_died_is_in_nobodys_way(engine: DuckDBEngine, tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb.fresh").write_bytes(b"half a file")
    engine.scrub()
    assert engine.rows("select count(*) from streams.users") == [(1001,)]
    engine.close()
