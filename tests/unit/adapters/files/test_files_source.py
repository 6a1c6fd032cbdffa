import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Literal
from uuid import UUID

import duckdb
import pytest
from unit.adapters.files.folder import Folder

from asterism import Record
from asterism.adapters.files.lines import LONGEST
from asterism.adapters.files.lzop import packed
from asterism.adapters.files.store import Store, matcher
from asterism.declare.source import Pull
from asterism.declare.stage import Stage
from asterism.errors import SourceError, UsageError
from asterism.sources import Files
from asterism.wire import Wiring


class Place(Record):
    city: str | None = None
    lat: float | None = None


class Thing(Record):
    id: int
    name: str | None = None
    place: Place | None = None


def test_an_object_is_read_once_by_its_version(tmp_path):
    folder = Folder(tmp_path)
    folder.lines("a.jsonl", {"n": 1}, {"n": 2})
    folder.pull()
    assert folder.rows("_object", "_line", "n") == [("a.jsonl", 1, 1), ("a.jsonl", 2, 2)]
    folder.pull()
    assert folder.replica.answered == 0
    folder.lines("sub/b.jsonl", {"n": 3})
    folder.pull()
    assert folder.replica.answered == 1
    assert folder.rows("n") == [(1,), (2,), (3,)]


def test_an_object_that_was_replaced_replaces_its_rows_and_takes_the_surplus_along(tmp_path):
    folder = Folder(tmp_path)
    folder.lines("a", {"n": 1}, {"n": 2}, {"n": 3})
    folder.lines("b", {"n": 10})
    folder.pull()
    folder.lines("a", {"n": 1}, {"n": 7})
    folder.pull()
    assert folder.rows("_object", "n") == [("a", 1), ("a", 7), ("b", 10)]


def test_an_object_that_was_removed_leaves_its_rows(tmp_path):
    folder = Folder(tmp_path)
    folder.lines("a", {"n": 1})
    folder.pull()
    (folder.path / "a").unlink()
    folder.pull()
    assert folder.rows("n") == [(1,)]


def test_a_key_lets_the_row_stand_that_was_read_last(tmp_path):
    folder = Folder(tmp_path, key=["id"])
    folder.lines("a", {"id": 1, "v": "old"}, {"id": 2, "v": "x"}, {"id": 1, "v": "newer"}, at=20)
    folder.lines("b", {"id": 2, "v": "y"}, at=10)
    folder.pull()
    assert folder.rows("id", "v") == [(1, "newer"), (2, "y")]


def test_a_line_without_its_key_is_set_aside(tmp_path):
    folder = Folder(tmp_path, key=["id"])
    folder.lines("a", {"id": 1}, {"x": 2})
    folder.pull()
    assert folder.rows("id") == [(1,)]
    assert folder.reasons() == {("a", 2): "it has no id, which is its key"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id":"x"}', "Expected `int`, got `str` - at `$.id`"),
        (b'{"id":9223372036854775808}', "Expected `int` <= 9223372036854775807 - at `$.id`"),
        (b'{"id":1,"name":7}', "Expected `str | null`, got `int` - at `$.name`"),
        (b'{"id":1,"place":{"lat":"n"}}', "Expected `float | null`, got `str` - at `$.place.lat`"),
        (b'{"name":"x"}', "Object missing required field `id`"),
        (b'{"id":1', "it is not JSON: Input data was truncated"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"id":1,"name":"\\u0000"}', "a text holds the character U+0000, which databases cannot store"),
        (b'{"id":1,"name":"\xff"}', "it is not JSON: 'utf-8' codec"),
        (b'{"id":1,"other":' + b"[" * 5000 + b"]" * 5000 + b"}", "it is nested too deeply"),
        (b'{"id":1,"name":"' + b"x" * LONGEST + b'"}', f"it is longer than {LONGEST} bytes"),
    ],
)
def test_one_bad_line_is_set_aside_and_the_rest_goes_on(tmp_path, line, reason):
    folder = Folder(tmp_path, record=Thing)
    folder.put("a", b'{"id":1}\n' + line + b'\n\n{"id":4}\n')
    folder.pull()
    assert folder.rows("_line", "id") == [(1, 1), (4, 4)]
    ((place, given),) = folder.reasons().items()
    assert place == ("a", 2)
    assert given.startswith(reason)


def test_a_record_gives_the_columns_and_those_within_it_too(tmp_path):
    folder = Folder(tmp_path, record=Thing)
    folder.lines("a", {"id": 1, "place": {"city": "Lodz", "lat": 51.8}}, {"id": 2, "name": "x"})
    folder.pull()
    assert folder.columns == {
        "_object": "VARCHAR", "_line": "BIGINT", "id": "BIGINT", "name": "VARCHAR",
        "place_city": "VARCHAR", "place_lat": "DOUBLE", "_extra": "JSON",
    }  # fmt: skip
    assert folder.rows("id", "name", "place_city", "place_lat") == [(1, None, "Lodz", 51.8), (2, "x", None, None)]


def test_what_no_column_takes_stays_as_extra_at_any_depth(tmp_path):
    folder = Folder(tmp_path, record=Thing)
    folder.lines("a", {"id": 1, "new": [1], "place": {"city": "x", "zip": "02"}}, {"id": 2})
    folder.pull()
    ((first,), (second,)) = folder.rows("_extra")
    assert json.loads(first) == {"new": [1], "place": {"zip": "02"}}
    assert second is None


def test_a_new_field_becomes_a_column_where_that_is_wished(tmp_path):
    folder = Folder(tmp_path, record=Thing, evolve="columns")
    folder.lines("a", {"id": 1}, at=20)
    folder.pull()
    folder.lines("b", {"id": 2, "SEK": 99, "class": "x"}, {"id": 3, "SEK": None}, at=10)
    folder.pull()
    folder.lines("c", {"id": 4, "SEK": "many"})
    folder.pull()
    assert (folder.columns["SEK"], folder.columns["class"]) == ("BIGINT", "VARCHAR")
    assert folder.rows("id", "SEK", "class")[1:] == [(2, 99, "x"), (3, None, None)]
    assert folder.reasons() == {("c", 1): "Expected `int | null`, got `str` - at `$.SEK`"}


def test_columns_are_inferred_from_the_first_object_and_then_held(tmp_path):
    folder = Folder(tmp_path)
    folder.lines(
        "a", {"i": 1, "f": 1, "b": True, "s": "x", "o": {"k": 1}, "m": 1, "nothing": None}, {"f": 2.5, "m": "t"}
    )
    folder.pull()
    kinds = {name: kind for name, kind in folder.columns.items() if not name.startswith("_")}
    assert kinds == {"i": "BIGINT", "f": "DOUBLE", "b": "BOOLEAN", "s": "VARCHAR", "o": "JSON", "m": "JSON"}
    folder.lines("b", {"i": 2, "later": 1}, {"i": "three"}, {"i": 4.5})
    folder.pull()
    assert folder.rows("i", "_extra") == [(1, '{"nothing":null}'), (None, None), (2, '{"later":1}')]
    assert sorted(folder.reasons()) == [("b", 2), ("b", 3)]


def test_every_type_arrives_as_it_was_written(tmp_path):
    class Typed(Record):
        when: datetime
        day: date
        amount: Decimal
        id: UUID
        kind: Literal["a", "b"]
        tags: list[str]

    folder = Folder(tmp_path, record=Typed)
    one = {"day": "2026-01-31", "id": "e3b0c44298fc1c149afbf4c8996fb924", "kind": "a", "tags": ["x", 'q"']}
    folder.lines(
        "a",
        one | {"when": "2026-01-31T12:00:00+02:00", "amount": "12345678901234567890.5"},
        one | {"when": "2026-01-31 10:00:00.123456z", "amount": 1.25},
        one | {"when": "2026-01-31T10:00:00", "amount": "NaN"},
        one | {"when": "soon", "amount": 1},
    )
    folder.pull()
    assert folder.rows("when", "amount") == [
        (datetime(2026, 1, 31, 10), Decimal("12345678901234567890.5")),
        (datetime(2026, 1, 31, 10, 0, 0, 123456), Decimal("1.25")),
    ]
    assert folder.rows("day", "id", "tags")[0] == (date(2026, 1, 31), UUID(one["id"]), one["tags"])
    assert sorted(folder.reasons()) == [("a", 3), ("a", 4)]


def test_a_field_may_be_called_otherwise_in_the_files(tmp_path):
    class Named(Record, rename="camel"):
        user_id: str
        is_new: bool = False

    folder = Folder(tmp_path, record=Named, key=["userId"])
    folder.lines("a", {"userId": "u", "isNew": True}, {"userId": "u", "isNew": False})
    folder.pull()
    assert folder.rows("userId", "isNew") == [("u", False)]


def test_a_load_goes_on_in_the_middle_of_an_object(tmp_path):
    folder = Folder(tmp_path, chunk_rows=700)
    for number in range(3):
        body = "".join(f'{{"n":{number * 1000 + line}}}\n' for line in range(1000))
        folder.put(f"{number}", packed(body.encode()) if number else body)
    chosen, times = folder.source(), 0
    while not folder.step(chosen):
        times += 1
        assert folder.replica.answered <= 700
        if times % 2:  # another process goes on from the cursor alone
            chosen.close()
            chosen = folder.source()
    assert times >= 4
    assert folder.rows("n") == [(n,) for n in range(3000)]


def test_an_object_that_changes_in_the_middle_of_its_reading_is_read_anew(tmp_path):
    folder = Folder(tmp_path, chunk_rows=10)
    folder.lines("a", *({"n": n} for n in range(30)))
    source = folder.source()
    folder.step(source)
    folder.step(source)
    folder.lines("a", *({"n": n + 100} for n in range(15)))
    folder.pull(source)
    assert folder.rows("n") == [(n + 100,) for n in range(15)]


def test_a_damaged_object_gives_the_lines_before_the_damage_and_is_read_again_when_it_is_whole(tmp_path):
    folder = Folder(tmp_path)
    random = Random(0)
    whole = packed(b"".join(b'{"n":%d,"t":"%x"}\n' % (n, random.getrandbits(256)) for n in range(20_000)))
    folder.put("a.lzo", whole[:-600_000])
    folder.lines("b", {"n": 1})
    folder.pull()
    before = len(folder.rows("n"))
    assert 1 < before < 20_001
    ((place, reason),) = folder.reasons().items()
    assert (place[0], reason) == ("a.lzo", "the object is damaged: it ends in the middle")
    folder.put("a.lzo", whole)
    folder.pull()
    assert len(folder.rows("n")) == 20_001


class Failing(Store):
    """A store whose connection breaks once, in the middle of an object or before its first byte."""

    after = 0
    broken = False

    def read(self, item):
        for number, chunk in enumerate(super().read(item)):
            if not self.broken and number == self.after:
                self.broken = True
                raise SourceError("s", "the connection broke", transient=True)
            yield chunk


@pytest.mark.parametrize("after", [0, 1])
def test_an_object_whose_reading_failed_is_read_from_where_it_was(tmp_path, after):
    folder = Folder(tmp_path, chunk_rows=100_000)
    folder.lines("a", *({"n": n} for n in range(150_000)))
    store = Failing(folder.declared.url, "**/*", "s", pause=lambda _: None)
    store.after = after
    source = folder.source(store)
    # It is told at the step for which it was read, if it was read ahead.
    with pytest.raises(SourceError):  # noqa: PT012 - which step is not the point
        for _ in range(3):
            folder.step(source)
    assert store.broken
    folder.pull(source)
    source.close()
    assert folder.rows("n") == [(n,) for n in range(150_000)]


def test_lines_without_a_field_that_can_be_a_column_are_kept_all_the_same(tmp_path):
    folder = Folder(tmp_path)
    folder.lines("a", {}, {"a b": 1})
    folder.pull()
    assert folder.rows("_line", "_extra") == [(1, None), (2, '{"a b":1}')]


def test_lines_that_come_before_their_key_does_are_set_aside(tmp_path):
    folder = Folder(tmp_path, key=["id"])
    folder.lines("a", {"x": 1})
    folder.pull()
    assert folder.reasons() == {("a", 1): "it has no id, which is its key"}


def test_names_of_objects_are_names_and_nothing_else(tmp_path):
    folder = Folder(tmp_path)
    names = ["$(touch pwned).lzo", "a b;rm -rf x", "q'uo\"te", "ü/漢 %20.jsonl", "`id`"]
    for number, name in enumerate(names):
        folder.put(name, packed(b'{"n":%d}\n' % number))
    folder.pull()
    assert sorted(folder.rows("n", "_object")) == [(n, name) for n, name in enumerate(names)]


def test_a_file_that_is_being_written_is_left_for_later(tmp_path):
    (tmp_path / "a").write_text("1")
    written = iter(["12", "123"])
    store = Store(tmp_path.as_uri(), "*", "s", pause=lambda _: (tmp_path / "a").write_text(next(written)) and None)
    assert store.items() == []


def test_a_hidden_file_is_none_and_a_pattern_chooses(tmp_path):
    cases = {
        "**/*.lzo": (["a.lzo", "x/y/b.lzo"], ["a.gz", ".a.lzo", "x/.b.lzo", ".x/a.lzo"]),
        "raw/*.csv": (["raw/a.csv"], ["a.csv", "raw/x/a.csv"]),
        "20??/**/*": (["2026/a", "2026/x/b"], ["206/a"]),
        "**/*": (["a", "x/b"], [".a"]),
    }
    for pattern, (yes, no) in cases.items():
        assert [name for name in yes + no if matcher(pattern).fullmatch(name)] == yes, pattern


def test_csv_is_read_with_its_header(tmp_path):
    folder = Folder(tmp_path, format="csv")
    folder.put(
        "a.csv", '\ufeffid,zip,price,note\n1,02169,1.50,"a ""b"", c"\n2,02170,,"two\nlines"\n\n3,0,2,x,too many\n4,5\n'
    )
    folder.pull()
    assert folder.columns["zip"] == "VARCHAR"
    assert folder.rows("id", "zip", "price", "note") == [
        (1, "02169", 1.5, 'a "b", c'),
        (2, "02170", None, "two\nlines"),
        (4, "5", None, None),
    ]
    assert list(folder.reasons().values()) == ["it has more fields than the header names"]


def test_csv_by_a_record_refuses_what_does_not_fit(tmp_path):
    folder = Folder(tmp_path, format="csv", record=Thing)
    folder.put("a.csv", b"id,name\n1,x\ny,z\n2,\xff\n3,w\n")
    folder.pull()
    assert folder.rows("id", "name") == [(1, "x"), (3, "w")]
    assert len(folder.reasons()) == 2


def parquet(folder, name, select):
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{folder.path / ('.' + name)}' (FORMAT parquet)")
    (folder.path / f".{name}").rename(folder.path / name)


def test_parquet_keeps_its_types_and_a_changed_one_is_set_aside(tmp_path):
    folder = Folder(tmp_path, format="parquet", chunk_rows=3)
    parquet(folder, "a.parquet", "SELECT range::BIGINT AS n, 1.5::DECIMAL(10,2) AS d FROM range(5)")
    folder.pull()
    parquet(folder, "b.parquet", "SELECT 'x' AS n, 1.5::DECIMAL(10,2) AS d")
    parquet(folder, "c.parquet", "SELECT 7::INTEGER AS n, 'more' AS e")
    folder.put("d.parquet", b"no Parquet")
    folder.pull()
    assert (folder.columns["n"], folder.columns["d"]) == ("BIGINT", "DECIMAL(10,2)")
    assert folder.rows("n", "d", "_extra")[-2:] == [(4, Decimal("1.50"), None), (7, None, '{"e":"more"}')]
    assert folder.reasons()["b.parquet", 1] == "its column n is VARCHAR, and was BIGINT"
    assert folder.reasons()["d.parquet", 1].startswith("it is no Parquet")


def test_a_row_of_parquet_without_its_key_is_set_aside(tmp_path):
    folder = Folder(tmp_path, format="parquet", key=["n"])
    parquet(folder, "a.parquet", "SELECT * FROM (VALUES (1, 'a'), (NULL, 'b'), (1, 'c')) AS t(n, v)")
    folder.pull()
    assert folder.rows("n", "v") == [(1, "c")]
    assert folder.aside["a.parquet", 2].body == b'{"n":null,"v":"b"}'


def test_nothing_there_has_no_columns_unless_they_are_declared(tmp_path):
    folder = Folder(tmp_path)
    folder.pull()
    assert folder.replica.tables == {}
    with pytest.raises(SourceError, match="no object to learn columns from"):
        folder.source().describe()
    folder.lines("a", {"n": 1})
    assert "n" in folder.source().describe()[0].column_names
    assert not folder.aside


def test_a_folder_that_is_missing_says_so(tmp_path):
    store = Store((tmp_path / "none").as_uri(), "*", "events")
    with pytest.raises(SourceError, match="events: there is no folder") as caught:
        store.items()
    assert caught.value.transient


def test_an_unknown_scheme_names_those_that_are_known(tmp_path):
    declared = Pull(Files("ftp://h/d"), "events", timedelta(seconds=1), timedelta(hours=1))
    with Wiring(Stage("dev", "duckdb:///:memory:", "memory:///", str(tmp_path))) as wiring:
        with pytest.raises(UsageError, match="no adapter is known for ftp:") as caught:
            wiring.source(declared)
        assert "s3:" in caught.value.remedy


def test_many_polls_leave_a_short_cursor(tmp_path):
    folder = Folder(tmp_path)
    source = folder.source()
    for number in range(40):
        folder.lines(f"{number:03}", {"n": number})
        folder.pull(source)
    assert len(json.dumps(folder.replica.cursor)) < 2000
    assert folder.pull() == 1
    assert folder.replica.answered == 0
    assert len(folder.rows("n")) == 40


def test_everything_is_what_is_there_now(tmp_path):
    folder = Folder(tmp_path, record=Thing, chunk_rows=2)
    folder.lines("a", {"id": 1}, {"id": 2}, {"id": 3}, {"id": "bad"})
    source = folder.source()
    with source.everything() as answer:
        folder.replica.apply(answer)
    source.close()
    assert len(folder.replica.tables["records"]) == 3
    assert not folder.aside
