"""Parquet as DuckDB writes it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.duckdb.stream import RelationStream
from asterism.declare.table import Column


def test_rows_stay_in_the_order_they_came_in(tmp_path: Path) -> None:
    rows, path = 300_000, tmp_path / "rows.parquet"
    source = duckdb.connect().sql(f"SELECT (n * 7919) % {rows} AS n FROM range({rows}) AS t (n)")
    assert DuckDBParquet().write(path, [Column("n", "BIGINT")], RelationStream(source)) == rows
    kept = duckdb.connect().execute(
        "SELECT count(*) FROM (SELECT n, row_number() OVER () - 1 AS place FROM read_parquet($1)) "
        f"WHERE n = (place * 7919) % {rows}",
        [str(path)],
    )
    assert kept.fetchall() == [(rows,)]


def test_wide_rows_make_smaller_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    source = duckdb.connect().sql("SELECT repeat(md5(n::VARCHAR), 100) AS text FROM range(20000) AS t (n)")
    DuckDBParquet().write(path, [Column("text", "VARCHAR")], RelationStream(source))
    groups = duckdb.connect().execute("SELECT count(DISTINCT row_group_id) FROM parquet_metadata($1)", [str(path)])
    assert groups.fetchall()[0][0] > 1
