import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conftest import Database
from platforms import Access, Small

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.declare.stream import Stream, Transform
from asterism.errors import LakeError, UsageError
from asterism.run.consume import Writer, stand_tables
from asterism.run.quarantine import set_aside
from asterism.run.rebuild import empty


@pytest.fixture(params=["duckdb", "postgresql"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    if request.param == "duckdb":
        made = Small(tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb"))
    else:
        make: Callable[[], Database] = request.getfixturevalue("make_database")
        database = make()
        made = Small(tmp_path, lambda: PostgresEngine(database.url))
    yield made
    made.warehouse.engine.close()
    made.log.close()


def test_records_reach_table_and_models(small):
    small.send("accesses", *(small.access(n, service=f"door-{n % 2}") for n in range(10)))
    small.work()
    assert small.rows("SELECT count(*), sum(event) FROM streams.accesses") == [(10, 10)]
    assert sorted(small.rows("SELECT service, inside FROM per_service")) == [("door-0", 5), ("door-1", 5)]


def test_every_stream_has_its_table_before_the_first_record(small):
    small.work()
    assert small.everything().keys() == {
        "per_service", "streams.accesses", "streams.raw_users", "streams.persons", "streams._quarantine",
    }  # fmt: skip


def test_a_stream_can_be_asked_before_anything_was_taken_in(small):
    stand_tables(small.warehouse, small.streams)
    assert small.rows("SELECT count(*) FROM streams._quarantine") == small.rows("SELECT count(*) FROM streams.accesses")
    small.send("accesses", small.access(1))
    small.work()
    assert small.rows("SELECT inside FROM per_service") == [(1,)]


def test_a_lost_warehouse_is_not_taken_for_an_empty_one(small):
    small.send("accesses", small.access(1))
    small.work()
    with small.warehouse.session.transaction():
        empty(small.warehouse)
    with pytest.raises(LakeError, match="the lake holds batches"):
        stand_tables(small.warehouse, small.streams)
    assert small.warehouse.raw_tables() == {}


def test_the_position_moves_with_the_data(small):
    small.send("accesses", small.access(1))
    small.work()
    small.restart()
    assert small.writer.step().records == 0
    small.send("accesses", small.access(2))
    assert small.writer.step().records == 1
    assert small.rows("SELECT count(*) FROM streams.accesses") == [(2,)]


def test_a_record_that_comes_again_after_its_id_was_forgotten_changes_nothing(small):
    small.send("accesses", small.access(1))
    small.work()
    before = small.everything()
    identifier, body = small.access(1, event=-1)
    small.log.erase("accesses", [identifier])  # the log knows nothing of it any more
    small.send("accesses", (identifier, body), (identifier, body))
    small.work()
    assert small.everything() == before


def test_a_log_that_was_made_anew_is_read_from_its_beginning(small, tmp_path):
    small.send("accesses", *(small.access(n) for n in range(5)))
    small.work()
    small.log.close()
    small.warehouse.engine.close()
    for file in tmp_path.glob("log.db*"):
        file.unlink()
    small.__post_init__()
    small.send("accesses", small.access(3), small.access(7))
    small.work()
    assert small.rows("SELECT count(*) FROM streams.accesses") == [(6,)]


def test_lines_are_landed_as_they_came_by_the_hour(small):
    body = b'{"eventTime": "2026-03-01 12:00:00",  "service":"door-1","event":1,"note":"as it is"}'
    small.send("accesses", ("a1", body))
    small.work()
    (key,) = [key for key in small.lake.list("raw/streams/accesses/") if key.endswith(".zst")]
    assert len(key.removeprefix("raw/streams/accesses/").split("/")) == 5
    line = small.streams.lines.unpack(small.lake.get(key))
    assert b'"record":' + body + b"}" in line
    assert json.loads(line)["id"] == "a1"


def test_two_batches_of_one_minute_do_not_overwrite_each_other(small):
    for number in range(3):
        small.send("accesses", small.access(number))
        small.work()
    assert len([key for key in small.lake.list("raw/streams/accesses/") if key.endswith(".zst")]) == 3


def test_a_rebuild_makes_an_equal_warehouse(small):
    small.send("accesses", *(small.access(n) for n in range(20)), ("bad", b'{"service":1}'))
    small.send("raw-users", ("r1", b'{"names":["Ana","Bo"]}'), ("r2", b'{"names":[]}'))
    small.work()
    small.review.drop([item.id for item in small.review.items("accesses")])
    small.send("accesses", small.access(21))
    small.work()
    before = small.everything()
    small.rebuild()
    assert small.everything() == before


def test_one_bad_record_never_stops_its_batch(small):
    small.send("accesses", small.access(1), ("bad", b'{"service":1}'), small.access(2), ("worse", b"17"))
    small.work()
    assert small.rows("SELECT count(*) FROM streams.accesses") == [(2,)]
    items = {item.record_id: item for item in small.review.items()}
    assert items.keys() == {"bad", "worse"}
    assert (items["bad"].body, items["bad"].place) == ('{"service":1}', "the table")
    assert items["bad"].reason == "Expected `str`, got `int` - at `$.service`"


def test_a_value_that_no_column_can_hold_is_set_aside_and_the_rest_goes_in(small):
    small.send("accesses", *(small.access(n) for n in range(7)))
    huge = b'{"service":"door-1","event":1,"eventTime":"9999-12-31T23:59:59-23:59"}'  # beyond the year 9999 in UTC
    small.send("accesses", ("huge", huge), small.access(8))
    small.work()
    ((kept,),) = small.rows("SELECT count(*) FROM streams.accesses")
    assert kept + len(small.review.items("accesses")) == 9
    assert kept >= 8


def test_a_transform_gives_none_one_or_many(small):
    small.send("raw-users", ("r1", b'{"names":["Ana"]}'), ("r2", b'{"names":["Bo","Cy"]}'))
    small.work()
    assert sorted(small.rows("SELECT _id, name FROM streams.persons")) == [
        ("extract/r1/0", "Ana"), ("extract/r2/0", "Bo"), ("extract/r2/1", "Cy"),
    ]  # fmt: skip


def test_a_transform_that_fails_sets_the_record_aside_with_the_reason(small):
    small.send("raw-users", ("r1", b'{"names":[]}'), ("r2", b'{"names":["Bo"]}'), ("r3", b'{"names":[7]}'))
    small.work()
    assert small.rows("SELECT name FROM streams.persons") == [("Bo",)]
    assert {item.record_id: item.reason for item in small.review.items()} == {
        "r1": "ValueError: nobody is named",
        "r3": "Expected `str`, got `int` - at `$.name`",
    }
    assert small.rows("SELECT count(*) FROM streams.raw_users") == [(3,)]


def test_a_replay_after_a_fix_takes_each_item_once_where_it_was_refused(small):
    small.send(
        "accesses", small.access(1), ("bad", b'{"service":"door-1","event":2,"eventTime":"2026-03-01T12:00:00"}')
    )
    small.send("raw-users", ("r1", b'{"names":[]}'))
    small.work()
    items = [item.id for item in small.review.items()]
    assert [why for _, why in small.review.replay(items).refused] != []
    accesses, raw, persons = small.platform.streams
    mended = Stream(accesses.name, _with(Access, event=int), key="service")
    small.platform.streams = (mended, raw, persons)
    small.platform.transforms = (Transform("extract", raw, persons, lambda _: {"name": "nobody"}),)
    small.restart()
    done = small.review.replay(items)
    small.work()
    assert (sorted(done.taken), done.refused) == (sorted(items), ())
    assert small.review.items() == []
    assert small.rows("SELECT count(*), sum(event) FROM streams.accesses") == [(2, 3)]
    assert small.rows("SELECT name FROM streams.persons") == [("nobody",)]
    assert small.rows("SELECT count(*) FROM streams.raw_users") == [(1,)]
    before = small.everything()
    small.rebuild()
    assert small.everything() == before


def test_a_new_optional_field_becomes_a_column(small):
    small.send("accesses", small.access(1))
    small.work()
    small.platform.streams = tuple(
        type(each)(each.name, _with(Access, floor=(int | None, None)), key="service")
        if each.name == "accesses"
        else each
        for each in small.platform.streams
    )
    small.restart()
    small.send("accesses", ("b", b'{"service":"door-1","event":1,"eventTime":"2026-03-01T12:00:00","floor":3}'))
    small.work()
    assert sorted(small.rows("SELECT _id, floor FROM streams.accesses")) == [("a1", None), ("b", 3)]
    before = small.everything()
    small.rebuild()
    assert small.everything() == before


def _retyped(small, **fields):
    """The platform, after an edit of what a record is."""
    small.platform.streams = tuple(
        Stream(each.name, _with(Access, **fields), key="service") if each.name == "accesses" else each
        for each in small.platform.streams
    )
    small.restart()


ENTERED = b'{"service":"door-1","event":1,"eventTime":"2026-03-01T12:00:00","share":%b}'


STILL = r"share was DOUBLE.* and is BIGINT, and what is stored does not fit"


def _narrowed(small) -> None:
    """A field that holds a fraction becomes a whole number."""
    small.model = False
    _retyped(small, share=(float, 0.0))
    small.send("accesses", ("a", ENTERED % b"1.5"), ("b", ENTERED % b"2"))
    small.work()
    _retyped(small, share=(int, 0))


def test_a_stream_whose_table_cannot_have_its_new_type_stands_still_alone_until_it_is_changed_back(small):
    _narrowed(small)
    assert re.search(STILL, str(small.writer.still()["accesses"]))  # `status` says so before anything is taken in
    small.send("accesses", ("c", ENTERED % b"3"))
    small.send("persons", ("p", b'{"name":"Ana"}'))
    written = small.writer.step()
    assert written.records == 1
    assert written.still.keys() == small.writer.still().keys() == {"accesses"}
    assert re.search(STILL, str(written.still["accesses"]))
    assert small.rows("SELECT name FROM streams.persons") == [("Ana",)]
    assert sorted(small.rows("SELECT _id, share FROM streams.accesses")) == [("a", 1.5), ("b", 2.0)]
    assert small.log.standing("accesses").committed["warehouse"] != small.log.standing("accesses").end
    small.send("accesses", ("d", ENTERED % b"4"))
    small.send("persons", ("q", b'{"name":"Bo"}'))
    small.work()
    (run,) = small.warehouse.ledger.runs(failed=True)
    assert (run.verb, run.step) == ("consume", "stream accesses")
    _retyped(small, share=(float, 0.0))
    assert not small.writer.still()
    small.work()
    assert [row[0] for row in small.rows("SELECT _id FROM streams.accesses ORDER BY _id")] == ["a", "b", "c", "d"]
    assert small.rows("SELECT count(*) FROM streams.persons") == [(2,)]
    before = small.everything()
    small.rebuild()
    assert small.everything() == before


def test_a_type_that_would_lose_what_is_stored_is_refused_until_a_rebuild_reads_it_anew(small):
    _narrowed(small)
    small.send("accesses", ("c", ENTERED % b"3"))
    small.work()
    small.restart()
    assert sorted(small.rows("SELECT _id, share FROM streams.accesses")) == [("a", 1.5), ("b", 2.0)]
    small.streams.refuse = lambda items: set_aside(small.log, items)
    small.rebuild()
    small.work()
    assert not small.writer.still()
    assert sorted(small.rows("SELECT _id, share FROM streams.accesses")) == [("b", 2), ("c", 3)]
    (item,) = small.review.items()
    assert (item.record_id, item.reason) == ("a", "Expected `int`, got `float` - at `$.share`")


def test_what_a_stream_that_stands_still_keeps_for_a_time_goes_all_the_same(small):
    small.model = False
    _retyped(small, share=(float, 0.0))
    small.send("accesses", ("a", ENTERED % b"1.5"), ("b", ENTERED % b"2"))
    small.work()
    _retyped(small, share=(int, 0), more=(int, 0))
    small.work()
    assert small.eraser.where(small.stream("accesses"), "_id = 'a'").records == {"accesses": 1}
    assert small.rows("SELECT _id, share FROM streams.accesses") == [("b", 2.0)]
    small.writer = Writer(small.warehouse, small.streams, small.log, patience=0.0)
    small.work()
    assert not small.writer.still()
    assert small.rows("SELECT _id, share FROM streams.accesses") == [("b", 2)]
    small.rebuild()
    assert small.rows("SELECT _id, share FROM streams.accesses") == [("b", 2)]


def test_a_type_that_changes_there_and_back_leaves_a_rebuild_what_it_was(small):
    small.model = False
    _retyped(small, share=(float, 0.0))
    small.work()
    _retyped(small, share=(int, 0))
    small.work()
    _retyped(small, share=(float, 0.0))
    small.send("accesses", ("a", ENTERED % b"1.5"))
    small.work()
    _retyped(small, share=(Any, None))
    small.work()
    assert "and is JSON, and what is stored does not fit" in str(small.writer.still()["accesses"])
    _retyped(small, share=(float, 0.0))
    small.rebuild()
    small.work()
    assert small.rows("SELECT _id, share FROM streams.accesses") == [("a", 1.5)]


def test_an_erasure_leaves_nothing_of_a_person_behind(small):
    small.send(
        "raw-users",
        ("r1", b'{"names":["Zacharias"]}'),
        ("r2", b'{"names":["Bo"]}'),
        ("r3", b'{"names":[],"x":"Zacharias"}'),
    )
    small.work()
    assert b"Zacharias" in small.bytes_on_disk()
    done = small.eraser.where(small.stream("persons"), "name = 'Zacharias'")
    assert done.records == {"persons": 1, "raw-users": 1}
    small.eraser.where(small.stream("raw-users"), "_id = 'r3'")
    assert b"Zacharias" not in small.bytes_on_disk()
    assert small.rows("SELECT name FROM streams.persons") == [("Bo",)]
    before = small.everything()
    small.rebuild()
    assert small.everything() == before
    assert not small.review.items()


@pytest.mark.parametrize(
    "text", ["true UNION SELECT 1", "true LIMIT 1", "1 = 1; DROP TABLE x", "pg_read_file('x') = ''"]
)
def test_an_erasure_takes_conditions_only(small, text):
    small.work()
    with pytest.raises(UsageError):
        small.eraser.where(small.stream("persons"), text)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("nmae = 'Ana'", r"no column nmae\n.*name"), ("name = 'Ana' and persons.x = 1", "no column persons.x"),
        ("name in (select x from streams.raw_users)", "no column x"), ("name in (select name from nobody)", "no table"),
    ],
)  # fmt: skip
def test_a_condition_that_names_no_column_is_a_mistake_of_use(small, text, fact):
    small.send("persons", ("p", b'{"name":"Ana"}'))
    small.work()
    with pytest.raises(UsageError, match=fact):
        small.eraser.where(small.stream("persons"), text)
    found = "name = 'Bo' or \"persons\".name = 'Bo' or _id in (select _id from streams.accesses) or _extra is not null"
    assert small.eraser.where(small.stream("persons"), found).records == {}
    assert small.eraser.where(small.stream("raw-users"), "record->>'name' = 'Bo'").records == {}
    assert small.rows("SELECT name FROM streams.persons") == [("Ana",)]


def test_what_is_kept_for_a_time_goes_by_itself(small):
    small.send("raw-users", ("r1", b'{"names":["Ana"]}'))
    small.work()
    assert small.eraser.expired().records == {}
    name = "UPDATE streams.raw_users SET _received_at = _received_at - INTERVAL 31 DAY"
    small.warehouse.session.execute(name)
    assert small.eraser.expired().records == {"raw-users": 1, "persons": 1}
    assert small.rows("SELECT count(*) FROM streams.persons") == [(0,)]


def test_a_warehouse_that_knows_nothing_of_landed_batches_is_not_begun_anew(small, tmp_path):
    small.send("accesses", small.access(1))
    small.work()
    small.open_engine = lambda: DuckDBEngine(tmp_path / "other.duckdb")
    small.restart()
    with pytest.raises(LakeError, match="knows nothing of them"):
        small.writer.step()


def _with(record, **fields):
    """A record type like another, with some fields of another type."""
    names = {field.name: (field.type, field.default) for field in msgspec.structs.fields(record)}
    names |= {name: kind if isinstance(kind, tuple) else (kind, msgspec.NODEFAULT) for name, kind in fields.items()}
    spelled = [
        (name, kind) if default is msgspec.NODEFAULT else (name, kind, default)
        for name, (kind, default) in names.items()
    ]
    return msgspec.defstruct(record.__name__, spelled, frozen=True, kw_only=True)
