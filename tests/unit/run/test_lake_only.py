"""Streams that go to the lake alone: landed as others are, an object a minute, and in no table."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Database
from platforms import Access, Person, Small

from asterism import Platform
from asterism.adapters.duckdb.catalogue import DuckDBCatalogue
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.run import consume
from asterism.run.catalogue import table
from asterism.run.consume import stand_tables
from asterism.run.ledger import now
from asterism.sources import Files


def declared() -> Platform:
    platform = Platform("small")
    platform.stream("accesses", Access, key="service")
    raw = platform.stream("raw-users", lake_only=True, keep="30d")
    persons = platform.stream("persons", Person, lake_only=True)

    @platform.transform(raw, into=persons)
    def extract(record):
        if not record["names"]:
            raise ValueError("nobody is named")
        return [Person(name=name) for name in record["names"]]

    return platform


@pytest.fixture(params=["duckdb", "postgresql"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    if request.param == "duckdb":
        made = Small(tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb"), declared())
    else:
        make: Callable[[], Database] = request.getfixturevalue("make_database")
        database = make()
        made = Small(tmp_path, lambda: PostgresEngine(database.url), declared())
    yield made
    made.warehouse.engine.close()
    made.log.close()


def user(number, *names):
    return f"u{number}", json.dumps({"names": names}).encode()


def lake(small, sql):
    return [[*row.values()] for row in table(DuckDBCatalogue(small.lake), sql)["rows"]]


def tables(small):
    return {
        row[0] for row in small.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'streams'")
    }


def objects(small, stream="raw-users"):
    return [*small.lake.list(f"raw/streams/{stream}/")]


def test_records_are_in_the_lake_and_in_no_table(small):
    stand_tables(small.warehouse, small.streams)
    small.send("raw-users", user(1, "Ana", "Bo"), user(2), user(3, "Cy"))
    small.send("accesses", small.access(1))
    small.work()
    assert tables(small) == {"accesses", "_quarantine"}
    assert lake(small, "select id from raw_users order by id") == [["u1"], ["u2"], ["u3"]]
    names = lake(small, "select id, record->>'name' from persons order by id")
    assert names == [["extract/u1/0", "Ana"], ["extract/u1/1", "Bo"], ["extract/u3/0", "Cy"]]
    assert small.rows("SELECT record_id FROM streams._quarantine") == [("u2",)]
    (key,) = objects(small)
    assert lake(small, "select distinct hour from raw_users") == [[key.removeprefix("raw/streams/raw-users/")[:13]]]
    small.rebuild()
    assert tables(small) == {"accesses", "_quarantine"}
    assert objects(small) == [key]


def test_they_gather_for_a_minute_unless_they_fill_an_object_or_somebody_asks(small, monkeypatch):
    small.send("raw-users", user(1, "Ana"))
    assert small.writer.step().records == 1  # after a while in which nothing came
    small.send("raw-users", user(2, "Bo"))
    small.send("accesses", small.access(1))
    assert small.writer.step().records == 1  # of the others
    assert len(objects(small)) == 1
    small.writer.catch_up()
    assert len(objects(small)) == 2
    small.send("raw-users", *(user(number, "x" * 999) for number in range(100, 2_100)))
    assert small.writer.step().records == 2_000
    small.send("raw-users", user(3, "Cy"))
    assert small.writer.step().records == 0
    later = consume.monotonic() + consume.GATHERING
    monkeypatch.setattr(consume, "monotonic", lambda: later)
    assert small.writer.step().records == 1
    assert lake(small, "select count(*), count(distinct id) from raw_users") == [[2_003, 2_003]]


def test_dying_between_the_object_and_its_position_writes_the_same_object_again(small, monkeypatch):
    small.send("raw-users", user(1, "Ana"))
    monkeypatch.setattr(consume, "_commit", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        small.writer.step()
    before = objects(small)
    assert len(before) == 1
    monkeypatch.undo()
    small.restart()
    small.send("raw-users", user(2, "Bo"))
    small.work()
    assert objects(small) == before
    assert lake(small, "select id from raw_users order by id") == [["u1"], ["u2"]]


def test_what_comes_again_stands_there_again_under_its_id(small):
    small.send("raw-users", user(1, "Ana"))
    small.writer.catch_up()
    small.log.erase("raw-users", ["u1"])  # the log knows nothing of it any more
    small.send("raw-users", user(1, "Ana"))
    small.writer.catch_up()
    assert lake(small, "select count(*), count(distinct id) from raw_users") == [[2, 1]]
    small.work()
    assert lake(small, "select distinct id from persons") == [["extract/u1/0"]]


def test_a_person_is_erased_from_the_lake_with_what_was_made_of_her(small):
    small.send("raw-users", user(1, "Ana"), user(2, "Bo"), user(3, "Cy", "Ana"))
    small.work()
    small.writer.catch_up()
    other = objects(small)[0].removesuffix(".ndjson.zst")
    lines = small.streams.lines.unpack(small.lake.get(f"{other}.ndjson.zst"))
    small.lake.delete(f"{other}.ndjson.zst")
    small.lake.put(f"{other}-1.gz", gzip.compress(lines))  # as a delivery writes it
    done = small.eraser.where(small.stream("persons"), "name = 'Ana'")
    assert done.records == {"raw-users": 2, "persons": 3}
    assert lake(small, "select id from raw_users") == [["u2"]]
    assert lake(small, "select record->>'name' from persons") == [["Bo"]]
    assert not [key for key in objects(small) if key.endswith(".gz")]
    small.eraser.where(small.stream("raw-users"), "(record->>'names') = '[\"Bo\"]'")
    assert objects(small) == objects(small, "persons") == []


def test_records_past_their_time_go_and_younger_ones_stay(small):
    small.send("raw-users", user(1, "Ana"))
    small.work()
    small.writer.catch_up()
    assert small.eraser.expired().records == {}
    (key,) = objects(small)
    lines = small.streams.lines.unpack(small.lake.get(key))
    day = now() - timedelta(days=31)
    old = lines.replace(b'"u1"', b'"u0"').replace(f"{now():%Y-%m-%d}".encode(), f"{day:%Y-%m-%d}".encode())
    place = f"raw/streams/raw-users/{day:%Y/%m/%d/%H}/000000000000.ndjson.zst"
    small.lake.put(place, small.streams.lines.pack(old + lines.replace(b'"u1"', b'"u2"')))
    assert small.eraser.expired().records == {"raw-users": 1}
    assert lake(small, "select id from raw_users order by id") == [["u1"], ["u2"]]


def declaring(what):
    platform = Platform("p")
    kept = platform.stream("kept", Access, key="service", lake_only=True)
    other, asked = platform.stream("other", lake_only=True), platform.stream("asked")
    what(platform, kept, other, asked)


@pytest.mark.parametrize(
    "what",
    [
        lambda platform, kept, *_: platform.view(kept),
        lambda platform, kept, *_: platform.store(kept, at="eventTime"),
        lambda platform, kept, *_: platform.trigger(kept),
        lambda platform, kept, *_: platform.pull(Files("s3://b"), into="f", notified=kept),
    ],
    ids=["view", "store", "trigger", "notified"],
)
def test_nobody_else_reads_them_and_is_told_so_where_it_says_so(what):
    with pytest.raises(ValueError, match="'kept', which goes to the lake alone: leave out its lake_only=True"):
        declaring(what)


def test_what_they_become_goes_there_too_in_one_step_of_one_transform():
    def make(platform, stream, into):
        platform.transform(stream, into=into)(lambda record: record)

    declaring(lambda platform, kept, other, _: make(platform, kept, other))
    declaring(lambda platform, kept, _, asked: make(platform, asked, kept))
    with pytest.raises(ValueError, match="say lake_only=True of 'asked', or leave it out of 'kept'"):
        declaring(lambda platform, kept, _, asked: make(platform, kept, asked))
    with pytest.raises(ValueError, match="'kept' goes to the lake alone, by one transform"):
        declaring(lambda platform, kept, other, _: [make(platform, kept, other) for _ in range(2)])
    for chained in ([("kept", "other"), ("other", "third")], [("other", "third"), ("kept", "other")]):
        platform = Platform("p")
        streams = {name: platform.stream(name, lake_only=True) for name in ("kept", "other", "third")}
        make(platform, *(streams[name] for name in chained[0]))
        with pytest.raises(ValueError, match="on its way to the lake: one step is all there is"):
            make(platform, *(streams[name] for name in chained[1]))
