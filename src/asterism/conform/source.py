"""What every Source must do: exercises that an adapter's own tests run against a real source.

    @pytest.mark.parametrize("exercise", SOURCE_EXERCISES, ids=lambda exercise: exercise.__name__)
    def test_the_source_conforms(exercise, origin):
        exercise(origin)

`origin` is what the adapter's tests make: a source with empty tables `things` and `parts`, and a way to write to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Protocol

import duckdb

from asterism.declare.table import Table
from asterism.ports.arrow import ArrowStream
from asterism.ports.source import Answer, Cursor, Source

Row = tuple[Any, ...]

MANY = 25
_CHUNK = 10


class Origin(Protocol):
    """A fresh source that the exercises may write to.

    It holds two empty tables: `things` (id integer, key; name text; amount decimal(10,2); at timestamp) and `parts`
    (thing integer, label text, both the key; count bigint).
    """

    finds_deletions: bool
    """Whether a reconciliation finds what was deleted."""
    one_snapshot: bool
    """Whether all tables of one answer are read as of one moment."""

    def source(self, chunk_rows: int = 1000) -> Source:
        """A new source over the same data, that loads in chunks of about so many rows."""
        ...

    def write(self, table: str, rows: Sequence[Row]) -> None:
        """Insert complete rows, replacing those with an equal key; committed on return."""
        ...

    def delete(self, table: str, keys: Sequence[Row]) -> None:
        """Delete the rows of `keys`; committed on return."""
        ...


class Replica:
    """What a warehouse makes of a source's answers: the tables, by key."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Row, Row]] = {}
        self.cursor: Cursor = {}
        self.answered = 0
        """Rows of the last answer."""

    def pull(self, source: Source, *, reconcile: bool = False) -> bool:
        """Pull once, apply, keep the cursor as JSON would; whether the answer was complete."""
        with source.pull(self.cursor, reconcile=reconcile) as answer:
            self.apply(answer)
            self.cursor = json.loads(json.dumps(answer.cursor))
            return answer.complete

    def load(self, source: Source) -> int:
        """Pull until an answer is complete; how many pulls that took."""
        pulls = 1
        while not self.pull(source):
            pulls += 1
        return pulls

    def apply(self, answer: Answer) -> None:
        """Apply one answer's batches."""
        self.answered = 0
        for batch in answer.batches:
            table = batch.table
            rows = self.tables.setdefault(table.name.partition(".")[2], {})
            places = [table.column_names.index(name) for name in table.key]
            for row in _values(batch.rows, table):
                rows[tuple(row[place] for place in places)] = row
                self.answered += 1
            if batch.keys is not None:
                there = set(_keys(batch.keys, table))
                for gone in rows.keys() - there:
                    del rows[gone]


def a_description_names_columns_types_and_keys(origin: Origin) -> None:
    """`describe` tells what the batches will hold."""
    things, parts = sorted(origin.source().describe(), key=lambda table: table.name, reverse=True)
    assert [(c.name, c.type) for c in things.columns] == [
        ("id", "INTEGER"),
        ("name", "VARCHAR"),
        ("amount", "DECIMAL(10,2)"),
        ("at", "TIMESTAMP"),
    ]
    assert things.key == ("id",)
    assert parts.key == ("thing", "label")


def a_load_reads_everything(origin: Origin) -> None:
    """After the initial load the warehouse holds what the source holds, value for value."""
    rows = [
        (1, "plain", Decimal("1.50"), "2024-02-29 23:59:59.123456"),
        (2, "", Decimal("-99999999.99"), None),
        (3, None, None, "1969-12-31 00:00:00"),
        (-4, "quote \" ' comma, \\ tab\t ü 漢 🜲\nline", Decimal("0.00"), "2024-01-01 00:00:00"),
    ]
    origin.write("things", rows)
    replica = Replica()
    replica.load(origin.source())
    assert {key[0]: row[1:3] for key, row in replica.tables["things"].items()} == {r[0]: r[1:3] for r in rows}
    assert {
        key[0]: None if row[3] is None else row[3].isoformat(" ") for key, row in replica.tables["things"].items()
    } == {r[0]: r[3] for r in rows}
    assert replica.tables["parts"] == {}


def a_small_source_loads_in_a_few_pulls(origin: Origin) -> None:
    """Small tables share a chunk."""
    _fill(origin)
    assert Replica().load(origin.source()) <= 2


def a_load_in_chunks_reads_everything(origin: Origin) -> None:
    """Chunks meet without a gap, also where the key is of two columns."""
    _fill(origin)
    replica = Replica()
    assert replica.load(origin.source(_CHUNK)) > 4
    _assert_filled(replica)


def a_load_resumes_where_it_was(origin: Origin) -> None:
    """Each chunk's cursor is enough for another process to go on, and a chunk read twice does no harm."""
    _fill(origin)
    replica = Replica()
    complete = False
    while not complete:
        source = origin.source(_CHUNK)
        with source.pull(replica.cursor) as lost:
            for batch in lost.batches:
                _values(batch.rows, batch.table)
        source.close()
        complete = replica.pull(origin.source(_CHUNK))
        assert replica.answered <= _CHUNK
    _assert_filled(replica)


def what_is_written_during_a_load_is_not_lost(origin: Origin) -> None:
    """Inserts, updates and deletions in what is loaded already, and in what is not yet."""
    _fill(origin)
    replica = Replica()
    source = origin.source(_CHUNK)
    replica.pull(source)
    replica.pull(source)
    origin.write("things", [(-1, "early", None, None), (MANY + 1, "late", None, None), (1, "one", None, None)])
    origin.delete("things", [(2,), (MANY,)])
    origin.delete("parts", [(1, "a")])
    replica.load(source)
    things = replica.tables["things"]
    assert things[(-1,)][1] == "early"
    assert things[(MANY + 1,)][1] == "late"
    assert things[(1,)][1] == "one"
    if origin.finds_deletions:
        assert (2,) not in things
        assert (MANY,) not in things
        assert (1, "a") not in replica.tables["parts"]


def an_idle_poll_answers_nothing(origin: Origin) -> None:
    """Where nothing was written, nothing is answered."""
    _fill(origin)
    replica, source = Replica(), origin.source()
    replica.load(source)
    replica.pull(source)
    assert replica.pull(source)
    assert replica.answered == 0


def a_poll_answers_what_was_written(origin: Origin) -> None:
    """Inserts and updates, complete rows of them, and no other rows once the poll before has seen those."""
    _fill(origin)
    replica, source = Replica(), origin.source()
    replica.load(source)
    origin.write("things", [(3, "three", Decimal("3.30"), None), (100, "hundred", None, None)])
    origin.write("parts", [(3, "a", 2**53 + 1)])
    assert replica.pull(source)
    assert replica.tables["things"][(3,)] == (3, "three", Decimal("3.30"), None)
    assert replica.tables["things"][(100,)] == (100, "hundred", None, None)
    assert replica.tables["parts"][(3, "a")] == (3, "a", 2**53 + 1)
    assert replica.answered == 3


def a_poll_can_be_repeated(origin: Origin) -> None:
    """A cursor that was not kept is asked again, and answers the same rows, or more."""
    _fill(origin)
    replica, source = Replica(), origin.source()
    replica.load(source)
    origin.write("things", [(3, "three", None, None)])
    with source.pull(replica.cursor) as answer:
        Replica().apply(answer)
    origin.write("things", [(4, "four", None, None)])
    replica.pull(origin.source())
    assert replica.tables["things"][(3,)][1] == "three"
    assert replica.tables["things"][(4,)][1] == "four"


def a_reconciliation_finds_deletions(origin: Origin) -> None:
    """Keys of every table come along, and what is not among them goes."""
    if not origin.finds_deletions:
        return
    _fill(origin)
    replica, source = Replica(), origin.source()
    replica.load(source)
    origin.delete("things", [(1,), (7,)])
    origin.delete("parts", [(1, "a")])
    replica.pull(source)
    replica.pull(source, reconcile=True)
    assert replica.tables["things"].keys() == {(n,) for n in range(1, MANY + 1)} - {(1,), (7,)}
    assert (1, "a") not in replica.tables["parts"]


def tables_of_one_answer_agree(origin: Origin) -> None:
    """What is written while an answer is read belongs to the next one, in every table."""
    if not origin.one_snapshot:
        return
    _fill(origin)
    replica, source = Replica(), origin.source()
    replica.load(source)
    origin.write("things", [(1, "changed", None, None)])
    origin.write("parts", [(1, "a", 7)])
    with source.pull(replica.cursor) as answer:
        origin.write("things", [(500, "too late", None, None)])
        origin.write("parts", [(500, "a", 1)])
        replica.apply(answer)
        replica.cursor = answer.cursor
    assert replica.tables["parts"][(1, "a")][2] == 7
    assert (500,) not in replica.tables["things"]
    assert (500, "a") not in replica.tables["parts"]
    replica.pull(source)
    assert (500,) in replica.tables["things"]
    assert (500, "a") in replica.tables["parts"]


def a_reader_that_fails_leaves_the_source_usable(origin: Origin) -> None:
    """An answer that is dropped half read, or with an error, does not spoil the next."""
    _fill(origin)
    replica, source = Replica(), origin.source()
    with suppress(ZeroDivisionError), source.pull({}) as answer:
        next(answer.batches)
        raise ZeroDivisionError
    with source.pull({}) as answer:
        next(answer.batches)
    replica.load(source)
    _assert_filled(replica)


def an_estimate_is_given_during_a_load_only(origin: Origin) -> None:
    """A number before and during the initial load, None after it."""
    _fill(origin)
    replica, source = Replica(), origin.source(_CHUNK)
    before = source.estimate({})
    assert before is not None
    assert before >= 0
    replica.pull(source)
    assert source.estimate(replica.cursor) is not None
    replica.load(source)
    assert source.estimate(replica.cursor) is None


def closing_twice_does_nothing(origin: Origin) -> None:
    """`close` can be repeated."""
    source = origin.source()
    source.describe()
    source.close()
    source.close()


SOURCE_EXERCISES: tuple[Callable[[Origin], None], ...] = (
    a_description_names_columns_types_and_keys,
    a_load_reads_everything,
    a_small_source_loads_in_a_few_pulls,
    a_load_in_chunks_reads_everything,
    a_load_resumes_where_it_was,
    what_is_written_during_a_load_is_not_lost,
    an_idle_poll_answers_nothing,
    a_poll_answers_what_was_written,
    a_poll_can_be_repeated,
    a_reconciliation_finds_deletions,
    tables_of_one_answer_agree,
    a_reader_that_fails_leaves_the_source_usable,
    an_estimate_is_given_during_a_load_only,
    closing_twice_does_nothing,
)


def _fill(origin: Origin) -> None:
    origin.write("things", [(n, f"thing {n}", Decimal(n) / 4, "2024-01-01 00:00:00") for n in range(1, MANY + 1)])
    origin.write("parts", [(n, label, n) for n in range(1, 10) for label in ("a", "B", "ä")])


def _assert_filled(replica: Replica) -> None:
    assert replica.tables["things"].keys() == {(n,) for n in range(1, MANY + 1)}
    assert replica.tables["parts"].keys() == {(n, label) for n in range(1, 10) for label in ("a", "B", "ä")}


def _values(stream: ArrowStream, table: Table) -> list[Row]:
    """The rows of a batch, cast to the types that the table declares."""
    columns = ", ".join(f"{_quoted(column.name)}::{column.type}" for column in table.columns)
    with duckdb.connect() as connection:
        return connection.from_arrow(stream).project(columns).fetchall()


def _keys(stream: ArrowStream, table: Table) -> list[Row]:
    types = {column.name: column.type for column in table.columns}
    columns = ", ".join(f"{_quoted(name)}::{types[name]}" for name in table.key)
    with duckdb.connect() as connection:
        return connection.from_arrow(stream).project(columns).fetchall()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
