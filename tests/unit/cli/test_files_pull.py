"""Files of odd types and odd lines, by the command line: into DuckDB, into PostgreSQL, and published."""

import json
import time

import duckdb
import pytest
from story.house import House
from unit.cli.typed import Typed

TOML = """
[dev]
warehouse = "duckdb:///.asterism/dev/w.duckdb"
lake = ".asterism/dev/lake"

[dev.variables]
PUBLISHED = "${DATABASE}"

[there]
warehouse = "${DATABASE}"
lake = ".asterism/there/lake"
"""
PLATFORM = """\
from asterism import Platform
from asterism.sources import Files

platform = Platform("odd")
platform.pull(Files("things", format="parquet", table="things"), into="a")
platform.pull(Files("events", table="events"), into="b")
platform.publish(["things"], to="${PUBLISHED:-}", schema="published")
"""
MODELS = {
    "things": "-- Things.\n-- kind: mart\n-- key: id\nselect * exclude (_object, _line, _extra) from a.things",
    "events": "-- Events.\n-- kind: fact\n-- key: id\nselect id from b.events",
}
THINGS = (
    "SELECT 1 AS id, 1::TINYINT AS i8, 4294967295::UINTEGER AS u32, 65535::USMALLINT AS u16, 9::UTINYINT AS u8, "
    "{'x': 1, 'y': [{'z': 2}]} AS s, MAP {'a': 1} AS m, [['a', NULL], NULL] AS n, [{'z': 2}] AS l, "
    "TIMESTAMP_NS '2026-01-01 10:00:00.123456' AS t, NULL AS nothing"
)


class Odd(Typed):
    def put(self, name: str, select: str) -> None:
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({select}) TO '{self.folder / 'things' / name}' (FORMAT parquet)")


@pytest.fixture
def odd(tmp_path, database):
    for folder in ("models", "things", "events"):
        (tmp_path / folder).mkdir()
    (tmp_path / "asterism.toml").write_text(TOML)
    (tmp_path / "platform.py").write_text(PLATFORM)
    for name, text in MODELS.items():
        (tmp_path / "models" / f"{name}.sql").write_text(text)
    made = Odd(tmp_path, DATABASE=database.url)
    made.put("a.parquet", THINGS)
    (tmp_path / "events" / "e.json").write_text('{"id":1}\n{"id":}\n{"id":2}\n')
    time.sleep(0.5)  # what was written just now may be half there
    return made


def test_a_first_pull_of_several_sources_tells_of_nothing_that_was_made_meanwhile(odd):
    done = odd.asterism("pull", "--json")
    told = json.loads(done.stdout)["sources"]
    assert [each["held"] for each in told] == [[], []]
    assert told[1]["notices"] == ["a line is in quarantine: see `asterism quarantine list`"]
    assert odd.rows("select id from events order by id") == [{"id": 1}, {"id": 2}]


def test_nested_and_narrow_types_are_the_same_in_a_postgresql(odd):
    odd.asterism("pull")
    odd.asterism("pull", "--stage", "there")
    sql = (
        "select id, i8, u32, u16, u8, s->>'x' as x, m->>'a' as a, n->0->>0 as n, l->0->>'z' as z, t, "
        "u32 - 1 as more from things"
    )
    there = odd.rows(sql, "--stage", "there")
    here = odd.rows(
        "select id, i8, u32, u16, u8, s.x::text as x, m['a']::text as a, n[1][1] as n, l[1].z::text as z, t, "
        "u32 - 1 as more from things"
    )
    assert here == there
    odd.put("b.parquet", THINGS.replace("1 AS id", "2 AS id"))
    time.sleep(0.5)
    told = json.loads(odd.asterism("pull", "--stage", "there", "--json").stdout)["sources"][0]
    assert [(each["table"], each["how"]) for each in told["refreshed"]] == [("things", "incremental")]
    assert "0 differences" in odd.asterism("verify", "--source", "--stage", "there").stdout


def test_a_model_that_is_held_is_tried_ever_less_and_at_once_when_its_rows_change(odd):
    (odd.folder / "platform.py").write_text(PLATFORM.replace('into="b"', 'into="b", every="200ms"'))
    (odd.folder / "models" / "twice.sql").write_text(
        "-- Twice.\n-- kind: mart\n-- key: k\nselect k, id from (select 'x' as k, id from b.events)"
    )
    house = House(odd.folder, environment={"DATABASE": odd.environment["DATABASE"]})
    with house.running():
        held = {"model": "twice", "state": "held"}
        house.until(lambda: held.items() <= house.json("status")["models"][-1].items())
        time.sleep(13)  # at 2, 6 and 14 seconds, rather than every other
        tried = [each for each in house.json("runs")["runs"] if each["verb"] == "refresh"]
        assert len(tried) <= 4
        (odd.folder / "events" / ".f").write_text('{"id":1}\n')
        (odd.folder / "events" / ".f").rename(odd.folder / "events" / "e.json")
        house.until(lambda: house.json("status")["models"][-1]["state"] == "current")


def test_lists_of_lists_are_published(odd, database):
    odd.asterism("pull")
    odd.asterism("publish")
    assert database.rows("select id, u32, n from published.things") == [(1, 4294967295, "[[a, NULL], NULL]")]


def test_what_is_infinite_is_not_published_as_something_else(odd):
    odd.put("a.parquet", f"{THINGS}, TIMESTAMP 'infinity' AS ends")
    time.sleep(0.5)
    odd.asterism("pull")
    assert "ends is infinite" in odd.asterism("publish", code=1).stderr
