import json
from datetime import timedelta

import duckdb
import pytest
from unit.adapters.files.folder import Folder

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.declare.source import Pull
from asterism.errors import LakeError, SourceError
from asterism.run.pull import pull
from asterism.run.warehouse import Warehouse


def parquet(folder, name, select):
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{folder.path / ('.' + name)}' (FORMAT parquet)")
    (folder.path / f".{name}").rename(folder.path / name)


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    folder = Folder(tmp_path)
    folder.put("a.json", b'\xef\xbb\xbf{"id":1}\r\n{"id":2}\r\n')
    folder.pull()
    assert folder.rows("id") == [(1,), (2,)]


@pytest.mark.parametrize("line", ["", "nope", '{"n":"x"}'])
def test_a_line_that_is_no_row_any_more_takes_the_row_along_that_stood_there(tmp_path, line):
    folder = Folder(tmp_path)
    folder.lines("a", {"n": 1}, {"n": 2}, {"n": 3})
    folder.lines("b", {"n": 10})
    folder.pull()
    folder.put("a", f'{{"n":1}}\n{line}\n{{"n":7}}\n')
    folder.pull()
    assert folder.rows("_object", "n") == [("a", 1), ("a", 7), ("b", 10)]
    folder.put("a", f'{{"n":1}}\n{line}\n{{"n":7}}\n{{"n":8}}\n')
    folder.pull()
    assert folder.rows("_object", "n") == [("a", 1), ("a", 7), ("a", 8), ("b", 10)]


def test_integers_that_no_column_of_numbers_holds_are_kept_as_they_are_written(tmp_path):
    folder = Folder(tmp_path)
    folder.put("a.json", '{"a":18446744073709551615,"b":9007199254740993,"c":1}\n{"a":3,"b":1.5,"c":1.5}\n')
    folder.pull()
    assert folder.rows("a", "b", "c") == [("18446744073709551615", "9007199254740993", 1.0), ("3", "1.5", 1.5)]


def test_a_number_out_of_range_in_a_field_that_no_column_takes_is_set_aside(tmp_path):
    folder = Folder(tmp_path)
    folder.put("a.json", '{"id":1}\n', at=10)
    folder.put("b.json", '{"id":2,"x":{"y":1e400}}\n{"id":3,"x":1}\n')
    folder.put("c.json", '{"id":4,"x":1e400}\n')
    folder.pull()
    assert folder.rows("id") == [(1,), (3,)]
    assert {place: reason.partition(" - ")[0] for place, reason in folder.reasons().items()} == {
        ("b.json", 1): "Number out of range", ("c.json", 1): "Number out of range",
    }  # fmt: skip


def test_columns_of_parquet_are_the_same_in_upper_and_lower_case(tmp_path):
    folder = Folder(tmp_path, format="parquet", key=["id"])
    parquet(folder, "a.parquet", "SELECT 1 AS id, 'a' AS n")
    folder.pull()
    parquet(folder, "b.parquet", "SELECT 2 AS ID, 'b' AS N")
    folder.pull()
    assert folder.rows("id", "n", "_extra") == [(1, "a", None), (2, "b", None)]


@pytest.mark.parametrize(("evolve", "kept"), [("extra", None), ("columns", "x")])
def test_a_column_of_parquet_that_is_all_null_fits_and_has_no_type_yet(tmp_path, evolve, kept):
    folder = Folder(tmp_path, format="parquet", evolve=evolve)
    parquet(folder, "a.parquet", "SELECT 1 AS id, NULL AS a, 'x' AS b")
    folder.pull()
    parquet(folder, "b.parquet", "SELECT 2 AS id, 'x' AS a, NULL AS b")
    folder.pull()
    assert folder.rows("id", "b") == [(1, "x"), (2, None)]
    assert folder.columns.get("a") == (kept and "VARCHAR")


def test_columns_of_parquet_may_be_narrower_than_they_were(tmp_path):
    folder = Folder(tmp_path, format="parquet")
    parquet(folder, "a.parquet", "SELECT 1::BIGINT AS a, 1.5::DOUBLE AS b")
    folder.pull()
    parquet(folder, "b.parquet", "SELECT 4294967295::UINTEGER AS a, 2.5::FLOAT AS b")
    folder.pull()
    assert folder.rows("a", "b") == [(1, 1.5), (4294967295, 2.5)]


def test_columns_of_parquet_that_are_called_as_our_own_are_kept_as_extra(tmp_path):
    folder = Folder(tmp_path, format="parquet")
    parquet(folder, "a.parquet", "SELECT 1 AS id, 2 AS _line, 3 AS _object, 4 AS _extra, 5 AS _part")
    parquet(folder, "b.parquet", "SELECT 1 AS id, 2 AS file_row_number")
    folder.pull()
    assert [row[:3] for row in folder.rows("_object", "_line", "id")] == [("a.parquet", 1, 1)]
    assert json.loads(folder.rows("_extra")[0][0]) == {"_line": 2, "_object": 3, "_extra": 4, "_part": 5}
    assert "file_row_number" in folder.reasons()["b.parquet", 1]


def test_extras_of_parquet_are_json_whatever_their_numbers_are(tmp_path):
    folder = Folder(tmp_path, format="parquet")
    parquet(folder, "a.parquet", "SELECT 1 AS id")
    folder.pull()
    parquet(
        folder,
        "b.parquet",
        "SELECT 2 AS id, 'nan'::DOUBLE AS a, '-inf'::FLOAT AS b, 1.5::DOUBLE AS c, NULL::DOUBLE AS d",
    )
    folder.pull()
    assert json.loads(folder.rows("_extra")[1][0], parse_constant=pytest.fail) == {
        "a": "nan", "b": "-inf", "c": 1.5, "d": None,
    }  # fmt: skip


def test_a_name_that_no_store_takes_says_what_to_do(tmp_path):
    folder = Folder(tmp_path)
    folder.put("a\nb.json", "{}")
    with pytest.raises(SourceError, match="Rename that object"):
        folder.pull()


@pytest.mark.parametrize("chunk_rows", [3, 1000])
def test_an_object_that_holds_a_name_twice_has_its_last_value_and_stops_no_pull(tmp_path, chunk_rows):
    folder = Folder(tmp_path, chunk_rows=chunk_rows)
    for number in range(20):
        twice = {4: '"id":-1,', 11: '"name":"x",'}.get(number, "")
        folder.put(f"{number}.json", f'{{{twice}"id":{number},"name":"n{number}"}}\n', at=100 - number)
    declared = Pull(folder.declared, "s", every=timedelta(days=1), reconcile=timedelta(days=365))
    engine = DuckDBEngine()
    warehouse = Warehouse(engine, ObstoreLake((tmp_path / "landed").as_uri()), DuckDBParquet(), ())
    warehouse.ledger.prepare()
    source = folder.source()
    pull(warehouse, declared, source)
    source.close()
    found = warehouse.session.rows("SELECT id, name FROM s.records ORDER BY id")
    engine.close()
    assert found == [(number, f"n{number}") for number in range(20)]


def test_a_lake_that_takes_nothing_is_told_and_lines_stay_as_they_are(tmp_path):
    folder = Folder(tmp_path)
    folder.put("a.json", '{"id":1}\n')
    declared = Pull(folder.declared, "s", every=timedelta(days=1), reconcile=timedelta(days=365))
    landed = tmp_path / "landed"
    (landed / "raw" / "s").mkdir(parents=True)
    (landed / "raw" / "s" / "records").write_text("no folder")
    warehouse = Warehouse(DuckDBEngine(), ObstoreLake(landed.as_uri()), DuckDBParquet(), ())
    warehouse.ledger.prepare()
    source = folder.source()
    for _ in range(2):
        with pytest.raises(LakeError, match="s/records"):
            pull(warehouse, declared, source)
        assert not source._anew
    (landed / "raw" / "s" / "records").unlink()
    pull(warehouse, declared, source)
    source.close()
    assert warehouse.session.rows("SELECT id FROM s.records") == [(1,)]
    warehouse.engine.close()
