"""What every Engine must do: exercises that an adapter's own tests run against a real engine.

    @pytest.mark.parametrize("exercise", ENGINE_EXERCISES, ids=lambda exercise: exercise.__name__)
    def test_the_engine_conforms(exercise, make_engine):
        exercise(make_engine)

`make_engine` opens a connection to one empty database; called again, another connection to the same.
ENGINE_EXERCISES are for every engine. One that has no lists as DuckDB has them leaves out LIST_EXERCISES, one whose
tables are made outside of its transactions ISOLATED_EXERCISES, and its tests say why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal

import duckdb

from asterism.declare.table import Column
from asterism.errors import EngineError
from asterism.plan.translate import translate
from asterism.ports.engine import Engine

MakeEngine = Callable[[], Engine]

COLUMNS = (
    Column("id", "INTEGER"),
    Column("big", "BIGINT"),
    Column("price", "DECIMAL(10,2)"),
    Column("ratio", "DOUBLE"),
    Column("label", "VARCHAR"),
    Column("done", "BOOLEAN"),
    Column("day", "DATE"),
    Column("hour", "TIME"),
    Column("at", "TIMESTAMP"),
    Column("note", "JSON"),
    Column("raw", "BLOB"),
)
ROW = (
    "1 AS id, 9223372036854775807 AS big, '12.30' AS price, 0.1::double AS ratio, 'NA' AS label, true AS done, "
    "DATE '2024-02-29' AS day, TIME '07:55:00.123' AS hour, TIMESTAMP '2024-02-29 07:55:00.123456' AS at, "
    "'{\"a\": 1}' AS note, '\\x00\\xFF'::blob AS raw"
)
_AT = datetime(2024, 2, 29, 7, 55, 0, 123456)
VALUES = (
    1, 9223372036854775807, Decimal("12.30"), 0.1, "NA", True, date(2024, 2, 29), time(7, 55, 0, 123000),
    _AT, {"a": 1}, b"\x00\xff",
)  # fmt: skip


class Stream:
    """An Arrow stream and nothing more, so that no adapter can lean on what made it."""

    def __init__(self, sql: str) -> None:
        self._relation = duckdb.connect().sql(sql)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The stream."""
        return self._relation.__arrow_c_stream__(requested_schema)


def values_arrive_as_they_left(make_engine: MakeEngine) -> None:
    """Every type, NULLs, and text that looks like something else."""
    engine = make_engine()
    nothing = ", ".join(f"NULL AS {column.name}" for column in COLUMNS)
    assert engine.load("things", COLUMNS, Stream(f"SELECT {ROW} UNION ALL SELECT {nothing}")) == 2
    rows = engine.rows(_say(engine, "SELECT * FROM things ORDER BY id"))
    note = [column.name for column in COLUMNS].index("note")
    assert (*rows[0][:note], json.loads(rows[0][note]), *rows[0][note + 1 :]) == VALUES
    assert rows[1] == (None,) * len(COLUMNS)
    engine.close()


def lists_arrive_as_they_left(make_engine: MakeEngine) -> None:
    """With a NULL in them, and a NULL in the place of one."""
    engine = make_engine()
    column = Column("many", "INTEGER[]")
    engine.load("lists", (Column("id", "INTEGER"), column), Stream("SELECT 1 AS id, [1, NULL, 3] AS many"))
    engine.load("lists", (Column("id", "INTEGER"), column), Stream("SELECT 2 AS id, NULL AS many"))
    assert engine.rows(_say(engine, "SELECT many FROM lists ORDER BY id")) == [([1, None, 3],), (None,)]
    assert engine.columns("lists")[1].type == "INTEGER[]"
    engine.close()


def columns_are_told_in_duckdbs_names(make_engine: MakeEngine) -> None:
    """Names and types of a table; nothing for one that isn't there."""
    engine = make_engine()
    engine.load("things", COLUMNS, Stream(f"SELECT {ROW}"))
    assert [(column.name, column.type) for column in engine.columns("things")] == [(c.name, c.type) for c in COLUMNS]
    assert engine.columns("nothing") == ()
    assert engine.columns("nowhere.nothing") == ()
    engine.close()


def loading_appends_by_name(make_engine: MakeEngine) -> None:
    """Columns are matched by name, whatever their order in the stream; a second load adds."""
    engine = make_engine()
    pair = (Column("a", "INTEGER"), Column("b", "VARCHAR"))
    engine.load("pairs", pair, Stream("SELECT 'x' AS b, 1 AS a"))
    engine.load("pairs", pair, Stream("SELECT 2 AS a, 'y' AS b"))
    assert sorted(engine.rows(_say(engine, "SELECT a, b FROM pairs"))) == [(1, "x"), (2, "y")]
    engine.close()


def a_value_that_does_not_fit_is_refused(make_engine: MakeEngine) -> None:
    """Text that is no number raises, and nothing of its stream stays."""
    engine = make_engine()
    engine.load("numbers", (Column("a", "INTEGER"),), Stream("SELECT 1 AS a"))
    for bad in ("SELECT '2' AS a UNION ALL SELECT 'three'", "SELECT 99999999999 AS a"):
        _refused(lambda bad=bad: engine.load("numbers", (Column("a", "INTEGER"),), Stream(bad)))  # type: ignore[misc]
    assert engine.rows(_say(engine, "SELECT a FROM numbers")) == [(1,)]
    engine.close()


def a_transaction_is_all_or_nothing(make_engine: MakeEngine) -> None:
    """Rows, tables and temporary tables go with an exception; a clean exit keeps them, and others see them then."""
    engine, other = make_engine(), make_engine()
    engine.execute(_say(engine, "CREATE TABLE rows (a INTEGER)"))
    with suppress(KeyError), engine.transaction():
        engine.execute(_say(engine, "INSERT INTO rows VALUES (1)"))
        engine.execute(_say(engine, "CREATE TABLE kept (a INTEGER)"))
        engine.load("held", (Column("a", "INTEGER"),), Stream("SELECT 1 AS a"), temporary=True)
        engine.execute(_say(engine, "INSERT INTO rows SELECT a FROM held"))
        raise KeyError("on purpose")
    assert engine.rows(_say(engine, "SELECT a FROM rows")) == []
    assert engine.columns("kept") == ()
    assert engine.columns("held") == ()
    with engine.transaction():
        engine.execute(_say(engine, "INSERT INTO rows VALUES (2)"))
        engine.execute(_say(engine, "CREATE TABLE kept (a INTEGER)"))
        engine.execute(_say(engine, "INSERT INTO kept SELECT a FROM rows"))
        if other is not engine:
            assert other.rows(_say(other, "SELECT a FROM rows")) == []
    assert other.rows(_say(other, "SELECT a FROM kept")) == other.rows(_say(other, "SELECT a FROM rows")) == [(2,)]
    engine.close()
    other.close()


def a_table_that_was_dropped_or_changed_is_back_after_a_failure(make_engine: MakeEngine) -> None:
    """With its rows and columns."""
    engine = make_engine()
    for name in ("gone", "other"):
        engine.load(name, (Column("a", "INTEGER"),), Stream("SELECT 1 AS a"))
    with suppress(KeyError), engine.transaction():
        engine.execute(_say(engine, "DROP TABLE gone"))
        engine.execute(_say(engine, "CREATE TABLE gone (b VARCHAR)"))
        engine.execute(_say(engine, "INSERT INTO gone VALUES ('x')"))
        engine.execute(_say(engine, "ALTER TABLE other ADD COLUMN b VARCHAR"))
        engine.execute(_say(engine, "DELETE FROM other WHERE a = 1"))
        raise KeyError("on purpose")
    for name in ("gone", "other"):
        assert [(column.name, column.type) for column in engine.columns(name)] == [("a", "INTEGER")]
        assert engine.rows(_say(engine, f"SELECT a FROM {name}")) == [(1,)]
    engine.close()


def a_table_is_seen_when_it_is_committed(make_engine: MakeEngine) -> None:
    """And no sooner, by others."""
    engine, other = make_engine(), make_engine()
    with engine.transaction():
        engine.execute(_say(engine, "CREATE TABLE made (a INTEGER)"))
        if other is not engine:
            assert other.columns("made") == ()
    assert [column.name for column in other.columns("made")] == ["a"]
    engine.close()
    other.close()


def a_failed_statement_leaves_the_engine_usable(make_engine: MakeEngine) -> None:
    """After an error inside a transaction, the next transaction works."""
    engine = make_engine()

    def fail() -> None:
        with engine.transaction():
            engine.execute(_say(engine, "CREATE TABLE half (a INTEGER)"))
            engine.rows(_say(engine, "SELECT nope FROM half"))

    _refused(fail)
    assert engine.columns("half") == ()
    with engine.transaction():
        engine.execute(_say(engine, "CREATE TABLE half (a INTEGER)"))
    assert engine.rows(_say(engine, "SELECT count(*) FROM half")) == [(0,)]
    engine.close()


def parameters_are_bound(make_engine: MakeEngine) -> None:
    """Numbers, text with quotes, times and NULL; never pasted into the statement."""
    engine = make_engine()
    hostile = "'; DROP TABLE things; --"
    sql = _say(engine, "SELECT CAST($1 AS VARCHAR), CAST($2 AS INTEGER), CAST($3 AS TIMESTAMP), CAST($4 AS VARCHAR)")
    moment = datetime(2024, 1, 2, 3, 4, 5)
    assert engine.rows(sql, [hostile, 7, moment, None]) == [(hostile, 7, moment, None)]
    engine.close()


def counts_are_told(make_engine: MakeEngine) -> None:
    """Inserts, deletes and `ask`'s column names."""
    engine = make_engine()
    engine.execute(_say(engine, "CREATE TABLE counted (a INTEGER)"))
    assert engine.execute(_say(engine, "INSERT INTO counted VALUES (1), (2), (3)")) == 3
    assert engine.execute(_say(engine, "DELETE FROM counted WHERE a > 1")) == 2
    assert engine.ask(_say(engine, "SELECT a AS one, a + 1 AS other FROM counted")) == (("one", "other"), [(1, 2)])
    engine.close()


def what_may_come_later_comes_before_what_follows(make_engine: MakeEngine) -> None:
    """In a transaction and outside, and with the commit at the latest; its error too."""
    engine = make_engine()
    engine.later(_say(engine, "CREATE TABLE noted (a INTEGER)"))
    engine.later(_say(engine, "INSERT INTO noted VALUES ($1)"), [1])
    with engine.transaction():
        engine.later(_say(engine, "INSERT INTO noted VALUES ($1)"), [2])
        engine.later(_say(engine, "INSERT INTO noted SELECT a + $1 FROM noted WHERE a = $2"), [10, 2])
        assert engine.rows(_say(engine, "SELECT a FROM noted WHERE a > $1 ORDER BY a"), [0]) == [(1,), (2,), (12,)]
        engine.later(_say(engine, "DELETE FROM noted WHERE a = $1"), [1])

    def fail() -> None:
        with engine.transaction():
            engine.later(_say(engine, "DELETE FROM noted"))
            engine.later(_say(engine, "INSERT INTO nowhere VALUES (1)"))

    _refused(fail)
    assert engine.rows(_say(engine, "SELECT a FROM noted ORDER BY a")) == [(2,), (12,)]
    engine.close()


def a_stream_comes_back_out(make_engine: MakeEngine) -> None:
    """`fetch` hands over an Arrow stream of every row."""
    engine = make_engine()
    engine.load("many", (Column("a", "INTEGER"),), Stream("SELECT i::integer AS a FROM range(100000) AS t(i)"))
    stream = engine.fetch(_say(engine, "SELECT a FROM many"))
    reader = duckdb.connect()
    reader.register("incoming", stream)
    assert reader.execute("SELECT count(*), sum(a) FROM incoming").fetchall() == [(100000, 4999950000)]
    engine.close()


def schemas_keep_tables_apart(make_engine: MakeEngine) -> None:
    """`one.t` and `two.t` are two tables, and neither is `t`."""
    engine = make_engine()
    for schema in ("one", "two"):
        engine.execute(_say(engine, f"CREATE SCHEMA {schema}"))
        engine.load(f"{schema}.t", (Column(schema, "INTEGER"),), Stream(f"SELECT 1 AS {schema}"))
    assert [column.name for column in engine.columns("one.t")] == ["one"]
    assert [column.name for column in engine.columns("two.t")] == ["two"]
    assert engine.columns("t") == ()
    engine.close()


ENGINE_EXERCISES: tuple[Callable[[MakeEngine], None], ...] = (
    values_arrive_as_they_left,
    columns_are_told_in_duckdbs_names,
    loading_appends_by_name,
    a_value_that_does_not_fit_is_refused,
    a_transaction_is_all_or_nothing,
    a_table_that_was_dropped_or_changed_is_back_after_a_failure,
    a_failed_statement_leaves_the_engine_usable,
    parameters_are_bound,
    counts_are_told,
    what_may_come_later_comes_before_what_follows,
    a_stream_comes_back_out,
    schemas_keep_tables_apart,
)


LIST_EXERCISES: tuple[Callable[[MakeEngine], None], ...] = (lists_arrive_as_they_left,)
ISOLATED_EXERCISES: tuple[Callable[[MakeEngine], None], ...] = (a_table_is_seen_when_it_is_committed,)


def _say(engine: Engine, sql: str) -> str:
    return translate(sql, engine.dialect)


def _refused(work: Callable[[], object]) -> None:
    try:
        work()
    except EngineError:
        return
    raise AssertionError("an EngineError was due")
