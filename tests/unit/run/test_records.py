import functools
import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterism import Record
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.declare.stream import Stream
from asterism.errors import RecordError
from asterism.ports.log import Logged
from asterism.run.records import Shape, landed, logged


class Kind(Enum):
    ENTRY = "entry"
    EXIT = "exit"


class Rank(Enum):
    FIRST = 1
    SECOND = 2


class Lists(Record, frozen=True):
    counts: list[int] = []  # noqa: RUF012 - a Struct copies it
    amounts: list[Decimal] | None = None
    times: list[datetime] | None = None
    rank: Rank = Rank.FIRST
    ranks: list[Rank] | None = None


class Place(Record, frozen=True):
    city: str
    zip_code: str | None = None


class Event(Record, frozen=True):
    name: str
    count: int = 0
    share: float | None = None
    good: bool = True
    amount: Decimal | None = None
    at: datetime | None = None
    day: date | None = None
    direction: Literal[1, -1] = 1
    kind: Kind = Kind.ENTRY
    tags: list[str] = []  # noqa: RUF012 - a Struct copies it
    number: UUID | None = None
    place: Place | None = None
    anything: Any = None


def shape(**how: Any) -> Shape:
    return Shape(Stream("events", Event, **how))


@functools.cache
def warehouse() -> DuckDBEngine:
    """One for all: to open one takes longer than to load some rows."""
    return DuckDBEngine()


def teardown_module() -> None:
    warehouse().close()
    warehouse.cache_clear()


def through(one: Shape, *bodies: bytes) -> list[dict[str, Any]]:
    """What records look like in a table, after log and landing zone."""
    lines = landed(Logged("0", n, f"r{n}", "", 1_790_000_000_000_000 + n, body) for n, body in enumerate(bodies))
    opened = one.open(lines)
    assert not opened.refused
    stream = DuckDBLines().read(one.rows(opened), one.table.columns, one.known)
    engine = warehouse()
    engine.execute("DROP TABLE IF EXISTS found")
    engine.load("found", one.table.columns, stream)
    names, rows = engine.ask("SELECT * FROM found")
    return [dict(zip(names, row, strict=True)) for row in rows]


def reason(one: Shape, body: bytes) -> str:
    with pytest.raises(RecordError) as caught:
        one.admit(body)
    return caught.value.fact


def test_each_type_of_a_field_has_its_column():
    assert {column.name: column.type for column in shape().table.columns} == {
        "_id": "VARCHAR", "_received_at": "TIMESTAMP", "name": "VARCHAR", "count": "BIGINT", "share": "DOUBLE",
        "good": "BOOLEAN", "amount": "DECIMAL(38,12)", "at": "TIMESTAMP", "day": "DATE", "direction": "BIGINT",
        "kind": "VARCHAR", "tags": "VARCHAR[]", "number": "UUID", "place": "JSON", "anything": "JSON", "_extra": "JSON",
    }  # fmt: skip
    assert shape().table.key == ("_id",)


def test_a_record_keeps_its_values_on_the_way_to_the_table():
    body = (
        b'{"name":"a\\"b\\u00e9","count":9223372036854775807,"share":0.1,"good":false,"amount":"12345678901234.123456789012",'
        b'"at":"2026-03-01T00:30:00+02:00","day":"2026-03-01","direction":-1,"kind":"exit","tags":["x","y"],'
        b'"number":"12345678-1234-5678-1234-567812345678","place":{"city":"Lodz","zip_code":"02169"},"anything":[1,{"a":null}]}'
    )
    (row,) = through(shape(), body)
    assert row.pop("_received_at") == datetime(2026, 9, 21, 14, 13, 20)
    assert str(row.pop("number")) == "12345678-1234-5678-1234-567812345678"  # its class may be another import's
    assert row == {
        "_id": "r0", "name": 'a"bé', "count": 2**63 - 1, "share": 0.1, "good": False,
        "amount": Decimal("12345678901234.123456789012"), "at": datetime(2026, 2, 28, 22, 30), "day": date(2026, 3, 1),
        "direction": -1, "kind": "exit", "tags": ["x", "y"],
        "place": '{"city":"Lodz","zip_code":"02169"}', "anything": '[1,{"a":null}]', "_extra": None,
    }  # fmt: skip


def test_fields_that_the_type_does_not_know_are_kept():
    first, second = through(shape(), b'{"name":"a","who":{"id":7},"why":null}', b'{"name":"b"}')
    assert json.loads(first["_extra"]) == {"who": {"id": 7}, "why": None}
    assert second["_extra"] is None


def test_a_strict_stream_refuses_fields_that_it_does_not_know():
    assert "unknown field `who`" in reason(shape(strict=True), b'{"name":"a","who":1}')
    assert "_extra" not in shape(strict=True).table.column_names


def test_a_stream_without_a_type_takes_any_json():
    bodies = [b'{"a":1}', b"[1,2]", b'"text"', b"17", b"true"]
    rows = through(Shape(Stream("anything")), *bodies)
    assert [row["record"] for row in rows] == [body.decode() for body in bodies]


def test_of_a_name_that_stands_twice_key_table_and_views_have_the_same_value():
    one, body = Shape(Stream("anything", key="k")), b'{"k":1,"k":{"a":1,"a":12345678901234567890123},"x":"\\u00e9"}'
    (row,) = through(one, body)
    assert one.admit(body).key == row["record"].partition('"k":')[2].partition(',"x"')[0]
    assert json.loads(row["record"]) == one.decode(body)
    assert row["record"].count('"k"') == row["record"].count('"a"') == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b'{"name":1}', "Expected `str`, got `int` - at `$.name`"),
        (b"{}", "missing required field `name`"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"name":"a","count":9223372036854775808}', "64 bits - at `$.count`"),
        (b'{"name":"a","amount":"1e30"}', "26 digits before the point"),
        (b'{"name":"a","amount":"0.1234567890123"}', "26 digits before the point"),
        (b'{"name":"a","at":"yesterday"}', "RFC3339"),
        (b'{"name":"a","at":"0001-01-01T00:00:00+14:00"}', "within the years 1 to 9999 in UTC - at `$.at`"),
        (b'{"name":"a","at":"9999-12-31T23:59:59-12:00"}', "within the years 1 to 9999 in UTC - at `$.at`"),
        (b'{"name":"a","direction":0}', "$.direction"),
        (b'{"name":"a\\u0000b"}', "U+0000"),
        (b'{"name":"a","other":"\\ud800"}', "it is not JSON"),
        (b'{"name":"a","other":"\xff"}', "it is not JSON"),
        (b'{"name":"a","anything":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"name":"a","anything":' + b"[" * 200 + b"]" * 200 + b"}", "nested more than 200 deep"),
        (b'{"name":"a","other":' + b'{"[":' * 200 + b"1" + b"}" * 200 + b"}", "nested more than 200 deep"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(body, said):
    assert said in reason(shape(), body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"counts":[1,9223372036854775808]}', "64 bits - at `$.counts`"),
        (b'{"amounts":["1e30"]}', "26 digits before the point"),
        (b'{"times":["9999-12-31T23:59:59-12:00"]}', "within the years 1 to 9999 in UTC - at `$.times`"),
        (b'{"rank":3}', "$.rank"),
    ],
)
def test_what_stands_in_a_list_has_to_fit_as_well(body, said):
    assert said in reason(Shape(Stream("lists", Lists)), body)


def test_lists_and_enums_keep_their_values_on_the_way_to_the_table():
    body = (
        b'{"counts":[1,9223372036854775807],"amounts":[1.5],"times":["2026-03-01T00:30:00+02:00","2026-03-01T01:00:00"],'
        b'"rank":2,"ranks":[1,2]}'
    )
    one = Shape(Stream("lists", Lists, key="rank"))
    assert one.admit(body).key == "2"
    (row,) = through(one, body)
    assert row["counts"] == [1, 2**63 - 1]
    assert row["amounts"] == [Decimal("1.5")]
    assert row["times"] == [datetime(2026, 2, 28, 22, 30), datetime(2026, 3, 1, 1)]
    assert (row["rank"], row["ranks"]) == (2, [1, 2])


def test_a_key_that_is_no_time_of_ours_is_refused():
    class Either(Record):
        at: datetime | int

    assert "within the years" in reason(Shape(Stream("e", Either, key="at")), b'{"at":"9999-12-31T23:59:59-12:00"}')


def test_many_brackets_are_not_deep_ones():
    anything = [*([[1]] * 300), '[{"\\' * 300, *([{"a": {}}] * 300)]
    body = json.dumps({"name": "a", "anything": anything}).encode()
    assert shape().admit(body).body == body
    deepest = b'{"name":"a","anything":' + b"[" * 199 + b"]" * 199 + b"}"
    assert through(shape(), deepest)[0]["anything"] == "[" * 199 + "]" * 199


def test_a_record_that_no_door_has_seen_and_is_nested_too_deeply_stops_no_other():
    deep = b'{"name":"x","anything":' + b"[" * 990 + b"]" * 990 + b"}"
    records = [Logged("0", n, str(n), '"record":', 0, body) for n, body in enumerate([b'{"name":"x"}', deep], 1)]
    opened = shape().open(landed(records))
    assert [each.id for each in opened.envelopes] == ["1"]
    assert [(each.id, bytes(each.record), why) for each, why in opened.refused] == [
        ("2", deep, "it is nested too deeply")
    ]
    assert logged(landed(records)) == records


def test_an_escaped_backslash_before_u0000_is_text():
    assert shape().admit(b'{"name":"a\\\\u0000"}').body


def test_ids_and_keys_come_from_their_fields():
    admitted = shape(key="direction", id_field="name").admit(b'{"name":"e-1","direction":-1}')
    assert (admitted.id, admitted.key) == ("e-1", "-1")
    assert Shape(Stream("any", key="k", id_field="i")).admit(b'{"k":1.5}') == (None, "1.5", b'{"k":1.5}')


def test_a_boolean_key_is_spelled_as_the_states_are_that_stand_under_it():
    class Switch(Record):
        is_on: bool

    for stream in (Stream("switches", Switch, key="is_on"), Stream("any", key="is_on")):
        assert [Shape(stream).admit(b'{"is_on":%b}' % each).key for each in (b"true", b"false")] == ["True", "False"]


def test_a_record_over_several_lines_becomes_one():
    assert shape().admit(b'{\n  "name": "a\\nb"\r\n}').body == b'{"name":"a\\nb"}'


def test_records_that_fit_no_longer_are_told_apart():
    lines = landed([Logged("0", 1, "a", "", 0, b'{"name":"x"}'), Logged("0", 2, "b", "", 0, b'{"title":"x"}')])
    opened = shape().open(lines)
    assert [each.id for each in opened.envelopes] == ["a"]
    assert [(each.id, why) for each, why in opened.refused] == [("b", "Object missing required field `name`")]


def test_what_no_column_takes_is_told_by_the_value_and_not_by_a_temporary_file():
    line = b'{"_id":"a","_received_at":"2026-01-01T00:00:00","counts":[9223372036854775808]}'
    with pytest.raises(RecordError) as caught:
        DuckDBLines().read(line, Shape(Stream("lists", Lists)).table.columns)
    assert caught.value.fact.endswith("JSON transform error: Failed to cast value to numerical: 9223372036854775808")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=8))
def test_any_json_reaches_the_table_as_it_came_or_is_refused_at_the_door(values):
    one = Shape(Stream("anything"))
    admitted = []
    for value in values:
        body = json.dumps(value, ensure_ascii=False).encode()
        try:
            admitted.append((one.admit(body).body, value))
        except RecordError as error:
            assert "U+0000" in error.fact or "out of range" in error.fact  # noqa: PT017 - the only reasons there may be
    rows = through(one, *(body for body, _ in admitted)) if admitted else []
    assert len(rows) == len(admitted)
    for row, (body, _) in zip(rows, admitted, strict=True):
        assert json.loads(row["record"] or "null") == json.loads(body)


TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.none() | st.just(UTC))


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TIMES,
    st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**25), max_value=10**25),
)
def test_any_value_of_a_type_reaches_its_column(name, count, share, at, amount):
    body = json.dumps(
        {"name": name, "count": count, "share": share, "at": at.isoformat(), "amount": str(amount)}, ensure_ascii=False
    ).encode()
    one = shape()
    (row,) = through(one, one.admit(body).body)
    assert (row["name"], row["count"], row["at"]) == (name, count, at.replace(tzinfo=None))
    assert math.isclose(row["share"], share, rel_tol=1e-15, abs_tol=0)
    assert row["amount"] == amount


def test_the_log_keeps_microseconds():
    (row,) = through(shape(), b'{"name":"a"}')
    assert row["_received_at"] - datetime(1970, 1, 1) == timedelta(microseconds=1_790_000_000_000_000)
