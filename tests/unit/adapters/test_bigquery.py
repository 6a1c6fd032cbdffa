"""What the engine on BigQuery does beyond what any engine must, on local-bigquery."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import httpx
import pytest

from asterism.adapters.gcp.bigquery.engine import BigQueryEngine
from asterism.conform.engine import Stream
from asterism.declare.model import Layout
from asterism.declare.table import Column
from asterism.errors import EngineError, UsageError
from asterism.plan.parse import Refused
from asterism.plan.translate import layout, translate

NUMBER = (Column("a", "INTEGER"),)


def say(sql: str) -> str:
    return translate(sql, "bigquery")


@pytest.fixture
def dataset(make_dataset: Callable[[], str]) -> str:
    return make_dataset()


@pytest.fixture
def engine(dataset: str) -> Iterator[BigQueryEngine]:
    made = BigQueryEngine(dataset)
    yield made
    made.close()


def tables(bigquery: str, dataset: str) -> dict[str, dict[str, object]]:
    url = f"http://{bigquery}/bigquery/v2/projects/project/datasets/{dataset.rpartition('/')[2]}/tables"
    found = httpx.get(url, trust_env=False).json().get("tables", [])
    return {each["tableReference"]["tableId"]: each for each in found}


def test_what_a_transaction_did_is_done_again_around_a_table_and_a_load_job(
    engine: BigQueryEngine, bigquery: str, dataset: str
) -> None:
    engine.load("kept", NUMBER, Stream("SELECT 1 AS a"))
    with engine.transaction():
        assert engine.execute(say("INSERT INTO kept SELECT a + 1 FROM kept")) == 1
        engine.load("held", NUMBER, Stream("SELECT 10 AS a"), temporary=True)
        engine.execute(say("CREATE TABLE made (a INTEGER)"))
        engine.load("made", NUMBER, Stream("SELECT i::integer AS a FROM range(5000) AS t(i)"))
        engine.later(say("INSERT INTO kept SELECT a FROM held"))
        assert engine.rows(say("SELECT (SELECT count(*) FROM made), (SELECT sum(a) FROM kept)")) == [(5000, 13)]
    assert engine.rows(say("SELECT a FROM kept ORDER BY a")) == [(1,), (2,), (10,)]
    assert tables(bigquery, dataset).keys() == {"kept", "made", "_turn"}


def test_rows_come_in_by_the_way_that_suits_how_many_they_are(
    engine: BigQueryEngine, bigquery: str, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few in a statement, more by the Storage Write API, many or large ones by a load job; and if need be as well."""
    columns = (Column("a", "INTEGER"), Column("t", "VARCHAR"))
    texts = "SELECT i::integer AS a, CASE WHEN i % 7 > 0 THEN repeat('ü', {1}) || i END AS t FROM range({0}) AS r(i)"
    told = say("SELECT count(*), count(t), max(length(t)) FROM texts")

    def loads() -> int:
        url = f"http://{bigquery}/bigquery/v2/projects/project/jobs"
        jobs = httpx.get(url, params={"projection": "full", "maxResults": 10_000}, trust_env=False, timeout=60).json()[
            "jobs"
        ]
        places = [each["configuration"].get("load", {}).get("destinationTable", {}) for each in jobs]
        return sum(each.get("datasetId") == dataset.rpartition("/")[2] for each in places)

    engine.load("texts", columns, Stream(texts.format(100, 1)))
    engine.load("texts", columns, Stream(texts.format(30_000, 100)))  # two requests
    assert (loads(), engine.rows(told)) == (0, [(30_100, 25_799, 105)])
    engine.load("texts", columns, Stream(texts.format(2, 3_000_000)))
    assert (loads(), engine.rows(told)) == (1, [(30_102, 25_800, 3_000_001)])
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", "127.0.0.1:1")
    engine.load("texts", columns, Stream(texts.format(3_000, 1)))
    assert loads() == 2
    monkeypatch.undo()
    assert engine.rows(told) == [(33_102, 28_371, 3_000_001)]


def test_an_empty_table_that_a_process_left_behind_is_replaced_and_one_with_rows_is_not(engine: BigQueryEngine) -> None:
    engine.execute(say("CREATE TABLE empty (a INTEGER)"))
    engine.load("full", NUMBER, Stream("SELECT 1 AS a"))
    with engine.transaction():
        engine.execute(say("CREATE TABLE empty (b VARCHAR)"))
    assert [column.name for column in engine.columns("empty")] == ["b"]
    with pytest.raises(EngineError, match="Already Exists"), engine.transaction():
        engine.execute(say("CREATE TABLE full (b VARCHAR)"))
    assert engine.rows(say("SELECT a FROM full")) == [(1,)]


def test_names_that_bigquery_does_not_take_come_back_as_they_were(engine: BigQueryEngine) -> None:
    columns = (Column("$id", "INTEGER"), Column("at the-place", "VARCHAR"))
    engine.load("own.odd", columns, Stream('SELECT 1 AS "$id", \'x\' AS "at the-place"'))
    assert engine.columns("own.odd") == columns
    names, rows = engine.ask(say('SELECT "$id", "at the-place" FROM own.odd'))
    assert (names, rows) == (("$id", "at the-place"), [(1, "x")])
    with duckdb.connect() as reader:
        reader.register("found", engine.fetch(say('SELECT "$id" FROM own.odd')))
        assert reader.execute('SELECT "$id" FROM found').fetchall() == [(1,)]


def test_rows_lie_as_the_header_of_their_model_says(engine: BigQueryEngine, bigquery: str, dataset: str) -> None:
    types = {"at": "TIMESTAMP", "day": "DATE", "a": "INTEGER"}
    made = say("CREATE TABLE laid (at TIMESTAMP, day DATE, a INTEGER)")
    engine.execute(made + layout(Layout("at", "month", ("a", "day")), types, "bigquery"))
    found = tables(bigquery, dataset)["laid"]
    assert found["timePartitioning"] == {"type": "MONTH", "field": "at"}
    assert found["clustering"] == {"fields": ["a", "day"]}
    assert layout(Layout("day"), types, "bigquery") == " PARTITION BY `day`"
    assert layout(Layout("day"), types, "duckdb") == ""
    with pytest.raises(Refused, match="by day of a, which is of type INTEGER"):
        layout(Layout("a"), types, "bigquery")


def test_a_question_is_explained_by_what_it_would_read(engine: BigQueryEngine) -> None:
    engine.load("numbers", NUMBER, Stream("SELECT 1 AS a"))
    reader = engine.reader()
    found = reader.explain(say("SELECT a FROM numbers WHERE a > $1"), [0])
    assert found.bytes == 0  # the emulator reckons none
    assert "BigQuery would read 0 bytes" in found.plan
    assert [(column.name, column.type) for column in reader.shape(say("SELECT a FROM numbers"))] == [("a", "BIGINT")]
    assert [row for part in reader.rows(say("SELECT a FROM numbers")) for row in part] == [(1,)]


def test_what_is_not_there_is_told(dataset: str, bigquery: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="Make it with `asterism deploy`"):
        BigQueryEngine("bigquery://project/nowhere")
    with pytest.raises(UsageError, match="is not bigquery://project/dataset"):
        BigQueryEngine("bigquery://project")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(EngineError, match="cannot be reached") as error:
        BigQueryEngine(dataset)
    assert error.value.unavailable
