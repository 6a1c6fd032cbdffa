"""Parquet as DuckDB writes it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import nanoarrow
import pytest

from asterism.adapters.duckdb.once import OnceStream
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.declare.table import Column
from asterism.errors import LakeError


def test_rows_stay_in_the_order_they_came_in(tmp_path: Path) -> None:
    rows, path = 300_000, tmp_path / "rows.parquet"
    source = duckdb.connect().sql(f"SELECT (n * 7919) % {rows} AS n FROM range({rows}) AS t (n)")
    assert DuckDBParquet().write(path, [Column("n", "BIGINT")], OnceStream(source.__arrow_c_stream__)) == rows
    kept = duckdb.connect().execute(
        "SELECT count(*) FROM (SELECT n, row_number() OVER () - 1 AS place FROM read_parquet($1)) "
        f"WHERE n = (place * 7919) % {rows}",
        [str(path)],
    )
    assert kept.fetchall() == [(rows,)]


def test_wide_rows_make_smaller_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    source = duckdb.connect().sql("SELECT repeat(md5(n::VARCHAR), 100) AS text FROM range(20000) AS t (n)")
    DuckDBParquet().write(path, [Column("text", "VARCHAR")], OnceStream(source.__arrow_c_stream__))
    groups = duckdb.connect().execute("SELECT count(DISTINCT row_group_id) FROM parquet_metadata($1)", [str(path)])
    assert groups.fetchall()[0][0] > 1


def test_what_is_read_comes_in_small_batches_one_file_after_the_other(tmp_path: Path) -> None:
    parquet, path = DuckDBParquet(), tmp_path / "rows.parquet"
    source = duckdb.connect().sql("SELECT n, -n AS m FROM range(300000) AS t (n)")
    parquet.write(path, [Column("n", "BIGINT"), Column("m", "BIGINT")], OnceStream(source.__arrow_c_stream__))
    for columns in ((), ("n",)):
        sizes = [len(batch) for batch in nanoarrow.ArrayStream(parquet.read([path, path], columns))]
        assert sum(sizes) == 600_000
        assert max(sizes) < 10_000


def test_an_object_that_is_no_parquet_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_text("no Parquet at all")
    with pytest.raises(LakeError, match=r"rows\.parquet") as caught:
        DuckDBParquet().read([path])
    assert "restore it" in caught.value.remedy


def test_a_stream_that_nobody_read_to_its_end_stands_in_no_way(tmp_path: Path) -> None:
    parquet, path = DuckDBParquet(), tmp_path / "rows.parquet"
    source = duckdb.connect().sql("SELECT n FROM range(300000) AS t (n)")
    parquet.write(path, [Column("n", "BIGINT")], OnceStream(source.__arrow_c_stream__))
    begun = nanoarrow.ArrayStream(parquet.read([path]))
    next(iter(begun))
    assert sum(len(batch) for batch in nanoarrow.ArrayStream(parquet.read([path]))) == 300_000
