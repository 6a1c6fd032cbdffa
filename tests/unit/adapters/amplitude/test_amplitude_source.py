"""Days of Amplitude: what is asked for, what is made of each answer, and what is kept."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import duckdb
import pytest
from unit.adapters.amplitude.service import ExportServer, event, packed, zipped

from asterism.adapters.amplitude.source import AmplitudeSource
from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.declare.source import Amplitude, Pull
from asterism.errors import SourceError
from asterism.ports.source import Dated
from asterism.run.pull import pull
from asterism.run.warehouse import Warehouse

DAY = "2026-01-01"
MORNING = datetime(2026, 1, 2, 3)


class Scene:
    """A service, a source that asks it, and what became of the lines that could not be read."""

    def __init__(self, folder) -> None:
        self.server = ExportServer()
        self.lake = ObstoreLake(f"file://{folder}/lake")
        self.aside = []
        self.paused: list[float] = []
        self.now = MORNING
        self.made: list[AmplitudeSource] = []
        self.source = self.make()

    def make(self, start: str | None = None, key: str = "the-key") -> AmplitudeSource:
        declared = Amplitude(key, "the-secret", start, self.server.url)
        clock, pause = (lambda: self.now), self.paused.append
        lines, aside = DuckDBLines(), self.aside.extend
        self.made.append(AmplitudeSource(declared, "amplitude", self.lake, lines, aside, clock=clock, pause=pause))
        return self.made[-1]

    def pull(self, cursor=None, source=None):
        """The rows of both tables, and the answer."""
        found = {}
        with (source or self.source).pull(cursor or {}) as answer:
            for batch in answer.batches:
                relation = duckdb.from_arrow(batch.rows)
                assert relation.columns == list(batch.table.column_names)
                rows = relation.fetchall()
                found[batch.table.name] = [dict(zip(relation.columns, row, strict=True)) for row in rows]
        return found, answer

    def events(self):
        found, _ = self.pull()
        return {each["uuid"]: each for each in found["amplitude.events"]}

    def properties(self):
        found, _ = self.pull()
        rows = found["amplitude.events_properties"]
        return {(each["property_type"], each["key"]): each["value"] for each in rows}

    def close(self) -> None:
        for each in self.made:
            each.close()
        self.server.close()


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.close()


def exports(scene) -> list[str]:
    return [*scene.lake.list("raw/amplitude/export/")]


def test_a_day_is_asked_for_once_landed_as_it_came_and_read(scene):
    scene.server.put(DAY, 0, [event("a"), event("b")])
    scene.server.put(DAY, 23, [event("c")], number=7)
    found, answer = scene.pull()
    assert scene.server.asked == ["20260101T00 20260101T23"]
    assert {each["uuid"] for each in found["amplitude.events"]} == {"a", "b", "c"}
    assert (answer.complete, answer.cursor) == (True, {"next": "2026-01-02"})
    assert exports(scene) == ["raw/amplitude/export/2026-01-01.zip"]
    with zipfile.ZipFile(io.BytesIO(scene.lake.get(exports(scene)[0]))) as landed:
        assert landed.testzip() is None
        assert len(landed.namelist()) == 2


def test_a_day_that_is_asked_for_again_replaces_its_download(scene):
    scene.server.put(DAY, 0, [event("a")])
    scene.pull()
    scene.server.put(DAY, 1, [event("b")])
    scene.pull()
    with zipfile.ZipFile(io.BytesIO(scene.lake.get("raw/amplitude/export/2026-01-01.zip"))) as landed:
        assert len(landed.namelist()) == 2
    assert len(exports(scene)) == 1


def test_fields_have_their_types_and_the_text_null_is_null(scene):
    scene.server.put(DAY, 5, [
        event("a", **{"$insert_id": "i-1", "$schema": 13, "location_lat": -1.5, "location_lng": "null", "paying": True,
                      "device_family": "null", "session_id": -1, "event_time": "null", "data": "null", "groups": None}),
    ])  # fmt: skip
    row = scene.events()["a"]
    assert {name: value for name, value in row.items() if value is not None} == {
        "uuid": "a", "app": 1234, "$schema": 13, "amplitude_id": 77, "session_id": -1, "location_lat": -1.5,
        "user_id": "u-a", "event_type": "USER_PROFILE_REGISTER_SUCCEEDED", "$insert_id": "i-1", "paying": True,
        "client_event_time": datetime(2026, 1, 1, 8, 15, 30, 123000),
        "server_upload_time": datetime(2026, 1, 1, 8, 15, 31, 500000),
        "event_properties": '{"step":1}', "user_properties": "{}",
    }  # fmt: skip
    assert len(row) == 49


def test_the_text_null_is_no_number_in_any_case(scene):
    scene.server.put(DAY, 5, [event("a", app="NULL", location_lat="Null", paying="NULL", is_attribution_event="nulL")])
    row = scene.events()["a"]
    assert (row["app"], row["location_lat"], row["paying"], row["is_attribution_event"]) == (None, None, False, None)


def test_a_user_without_an_id_goes_by_the_amplitude_id_and_pays_nothing(scene):
    scene.server.put(DAY, 5, [event("a", user_id=None), event("b", user_id="null"), event("c", paying="null")])
    rows = scene.events()
    assert [rows[each]["user_id"] for each in "abc"] == ["77", "77", "u-c"]
    assert [rows[each]["paying"] for each in "abc"] == [False] * 3


def test_every_entry_of_an_events_objects_is_a_row(scene):
    scene.server.put(DAY, 5, [
        event("a", **{
            "$insert_id": "i-1",
            "event_properties": {"text": "ä", "number": 1.5, "null": None, "said": "null", "list": [1, {"x": "y"}],
                                 "a/b~c": True, "$x": "dollar", "": "empty", 'q"': "quote"},
            "user_properties": {"text": "other"}, "groups": {"g": {"h": 1}}, "group_properties": "null", "data": [1],
        }),
    ])  # fmt: skip
    assert scene.properties() == {
        ("event_properties", "text"): "ä",
        ("event_properties", "number"): "1.5",
        ("event_properties", "null"): None,
        ("event_properties", "said"): None,
        ("event_properties", "list"): '[1,{"x":"y"}]',
        ("event_properties", "a/b~c"): "true",
        ("event_properties", "$x"): "dollar",
        ("event_properties", ""): "empty",
        ("event_properties", 'q"'): "quote",
        ("user_properties", "text"): "other",
        ("groups", "g"): '{"h":1}',
    }
    found, _ = scene.pull()
    assert {each["insert_id"] for each in found["amplitude.events_properties"]} == {"i-1"}


def test_an_event_that_comes_twice_is_there_once_as_it_was_uploaded_last(scene):
    late = event("a", city="later", server_upload_time="2026-01-01 23:00:00", event_properties={"step": 2})
    scene.server.put(DAY, 5, [event("a", city="earlier"), event("b"), event("b")])
    scene.server.put(DAY, 6, [late, event("a", city="earlier"), event("c")])
    found, _ = scene.pull()
    assert sorted(each["uuid"] for each in found["amplitude.events"]) == ["a", "b", "c"]
    (row,) = [each for each in found["amplitude.events"] if each["uuid"] == "a"]
    assert row["city"] == "later"
    entries = [each for each in found["amplitude.events_properties"] if each["uuid"] == "a"]
    assert [(each["key"], each["value"]) for each in entries] == [("step", "2")]


def test_keys_that_stand_twice_in_an_object_make_one_row(scene):
    scene.server.put(DAY, 5, b'{"uuid":"a","data":{"k":1,"k":2}}\n')
    assert scene.properties() == {("data", "k"): "1"}


def test_a_line_that_holds_a_field_twice_is_set_aside_and_the_rest_of_the_day_counts(scene, tmp_path):
    bad = [
        b'{"uuid":"x","city":"Ghent","city":"Bruges"}', b'{"uuid":"x","uuid":"x"}', b'{"uuid":"x", "\\u0075uid" :"y"}',
        b'{"uuid":"x","data":{"city":"Ghent"},"city":"Ghent","ci\\u0074y":"Bruges"}',
    ]  # fmt: skip
    good = [
        b'{"uuid":"a","unknown":1,"unknown":2}', b'{"uuid":"b","city":"Ghent","data":{"city":"Bruges","uuid":"b"}}',
        b'{"uuid":"c","city":"\\u0022city\\u0022","os_name":"say \\"city\\""}',
    ]  # fmt: skip
    scene.server.put(DAY, 5, b"\n".join([*good[:2], *bad, *good[2:]]))
    assert landed(scene, tmp_path) == {"a", "b", "c"}
    assert scene.server.asked == ["20260101T00 20260101T23"] * 2
    assert [(each.line, each.body) for each in scene.aside] == [*zip(range(3, 7), bad, strict=True)]
    assert [each.reason for each in scene.aside] == [
        f"it holds {name} twice" for name in ("city", "uuid", "uuid", "city")
    ]


def landed(scene, folder) -> set[str]:
    """The events of a day as they are landed."""
    warehouse = Warehouse(DuckDBEngine(), ObstoreLake((folder / "landed").as_uri()), DuckDBParquet(), ())
    declared = Amplitude("the-key", "the-secret", None, scene.server.url)
    pull(warehouse, Pull(declared, "amplitude", timedelta(days=1), timedelta(days=1)), scene.source)
    found = warehouse.session.rows("SELECT uuid FROM amplitude.events")
    warehouse.engine.close()
    return {uuid for (uuid,) in found}


def test_lines_that_cannot_be_read_are_set_aside_with_their_place_and_the_rest_goes_on(scene):
    bad = [
        b"not JSON", b'{"uuid":"x"', b'{"city":"none"}', b'{"uuid":""}',
        b'{"uuid":"x","event_time":"2026-02-30 00:00:00"}',
        b'{"uuid":"x","app":"many"}', b'{"uuid":"x","data":{"k":"\\u0000"}}', b'{"uuid":"x","data":"\xff"}',
        b'{"uuid":"x","unknown":"\\ud800"}', b"[1]", b'{"uuid":"x"}{"uuid":"y"}', b'{"uuid":"x","data":' + b"[" * 5000,
        b'{"uuid":"x","session_id":99999999999999999999}', b'{"uuid":"x","event_time":253402300800}',
        b'{"uuid":"x","event_time":1e300}',
    ]  # fmt: skip
    good = [json.dumps(event(f"good-{n}", city="é\\u0000" if n % 2 else "e")).encode() for n in range(len(bad))]
    text = b"\n\r\n".join(line for pair in zip(good, bad, strict=True) for line in pair)
    member = scene.server.put(DAY, 5, text)
    other = scene.server.put(DAY, 6, b'{"uuid":"last"}\n{"uuid":')
    events = scene.events()
    assert {*events} == {f"good-{n}" for n in range(len(bad))} | {"last"}
    assert [each.body for each in scene.aside] == [*bad, b'{"uuid":']
    assert [each.line for each in scene.aside] == [*range(3, 4 * len(bad), 4), 2]
    assert {each.member for each in scene.aside} == {member, other}
    assert all(each.reason for each in scene.aside)


def test_a_line_that_is_too_long_is_set_aside(scene):
    endless = b'{"uuid":"x","data":"' + b"x" * 6_000_000 + b'"}'
    scene.server.put(DAY, 5, b'{"uuid":"a"}\n' + endless + b'\n{"uuid":"b"}\n')
    assert {*scene.events()} == {"a", "b"}
    (aside,) = scene.aside
    assert (aside.line, "longer than" in aside.reason) == (2, True)


def test_what_a_member_is_its_first_bytes_say(scene):
    text = json.dumps(event("plain")).encode()
    name = "1234/1234_2026-01-01_{}#0.json.gz"
    scene.server.answers.append((200, {}, zipped({
        name.format(0): zipped({"inner.json": json.dumps(event("zip")).encode()}),
        name.format(1): text,
        name.format(2): packed([event("first")]) + gzip.compress(json.dumps(event("second")).encode()),
        name.format(3): b"",
        "1234/": b"",
        "../../../tmp/escaped.json": json.dumps(event("outside")).encode(),
    })))  # fmt: skip
    assert {*scene.events()} == {"zip", "plain", "first", "second", "outside"}


def test_a_day_without_events_is_an_empty_day_and_no_error(scene):
    found, answer = scene.pull()
    assert found == {"amplitude.events": [], "amplitude.events_properties": []}
    assert answer.cursor == {"next": "2026-01-02"}
    assert exports(scene) == []


@pytest.mark.parametrize("status", [400, 504])
def test_a_range_that_is_too_large_is_asked_for_in_halves(scene, status):
    for hour in range(24):
        scene.server.put(DAY, hour, [event(f"h-{hour}")])
    scene.server.widest = {status: 6}
    assert {*scene.events()} == {f"h-{hour}" for hour in range(24)}
    assert len(scene.server.asked) == 7
    assert exports(scene) == [
        f"raw/amplitude/export/2026-01-01T{each}.zip" for each in ("00-05", "06-11", "12-17", "18-23")
    ]


@pytest.mark.parametrize(("status", "transient"), [(400, False), (504, True)])
def test_an_hour_that_is_too_large_is_an_error(scene, status, transient):
    scene.server.widest = {status: 0}
    with pytest.raises(SourceError, match=rf"2026-01-01T00-00 was answered with {status}: ask for fewer") as caught:
        scene.pull()
    assert caught.value.transient is transient
    assert exports(scene) == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_busy_is_asked_again_later(scene, status):
    scene.server.put(DAY, 0, [event("a")])
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    scene.server.answers += [
        (status, {}, b""),
        (status, {"Retry-After": "3"}, b""),
        (status, {"Retry-After": later}, b""),
    ]
    assert {*scene.events()} == {"a"}
    assert 0.5 <= scene.paused[0] <= 1
    assert scene.paused[1] == 3
    assert 0 <= scene.paused[2] <= 9


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3600"}, {"Retry-After": "soon"}])
def test_a_service_that_stays_busy_is_left_to_the_schedule(scene, headers):
    scene.server.answers += [(429, headers, b"slow down")] * 20
    with pytest.raises(SourceError, match="429: slow down") as caught:
        scene.pull()
    assert caught.value.transient
    assert sum(scene.paused) <= 30
    assert len(scene.server.asked) <= 5


def test_a_key_that_is_refused_is_an_error_that_says_so(scene):
    with pytest.raises(SourceError, match="answered with 403: forbidden") as caught:
        scene.pull(source=scene.make(key="another"))
    assert not caught.value.transient
    assert "key and secret" in caught.value.remedy
    assert "the-secret" not in str(caught.value)


@pytest.mark.parametrize("status", [204, 302, 418])
def test_any_other_answer_is_an_error(scene, status):
    scene.server.answers.append((status, {"Location": "http://127.0.0.1:1/"}, b""))
    with pytest.raises(SourceError, match=str(status)):
        scene.pull()
    assert exports(scene) == []


def _cut(body: bytes, said: int):
    def answer(asked) -> None:
        asked.send_response(200)
        if said:
            asked.send_header("Content-Length", str(said))
        asked.end_headers()
        asked.wfile.write(body)
        asked.close_connection = True

    return answer


WHOLE = zipped({"1.json.gz": packed([event(f"e-{n}") for n in range(500)])})
DAMAGED = WHOLE[:200] + bytes([WHOLE[200] ^ 0xFF]) + WHOLE[201:]


@pytest.mark.parametrize(
    "answer",
    [
        _cut(WHOLE[:1000], len(WHOLE)),
        _cut(WHOLE[:1000], 0),
        _cut(WHOLE[: len(WHOLE) - 10], 0),
        (200, {}, DAMAGED),
        (200, {}, zipped({"1.json.gz": packed([event("a")] * 50)[:-12]})),
        (200, {}, zipped({"1.json.gz": b"PK not a zip"})),
        (200, {"Content-Type": "text/html"}, b"<html>Please log in</html>"),
        (200, {}, b""),
    ],
    ids=["cut", "cut without a length", "without its end", "damaged", "cut within", "no zip within", "HTML", "empty"],
)
def test_what_is_no_whole_zip_is_an_error_and_nothing_of_it_is_kept(scene, answer):
    scene.server.answers.append(answer)
    with pytest.raises(SourceError) as caught:
        scene.pull()
    assert caught.value.transient
    assert exports(scene) == []
    scene.server.put(DAY, 0, [event("a")])
    assert {*scene.events()} == {"a"}


def test_a_service_that_is_away_is_an_error_that_passes(scene):
    scene.server.close()
    with pytest.raises(SourceError, match="broke off") as caught:
        scene.pull()
    assert caught.value.transient
    scene.server = ExportServer()


def test_days_come_one_an_answer_the_oldest_first_until_the_last_that_is_whole(scene):
    source = scene.make(start="2025-12-30")
    cursor, seen = {}, []
    while True:
        _, answer = scene.pull(cursor, source)
        seen.append((scene.server.asked[-1][:8], answer.complete))
        cursor = answer.cursor
        if answer.complete:
            break
    assert seen == [("20251230", False), ("20251231", False), ("20260101", True)]
    asked = len(scene.server.asked)
    found, answer = scene.pull(cursor, source)
    assert (found, answer.complete, answer.cursor) == ({}, True, cursor)
    assert len(scene.server.asked) == asked


def test_a_day_is_whole_two_hours_after_its_end(scene):
    scene.now = datetime(2026, 1, 2, 1, 59)
    found, answer = scene.pull()
    assert (found, answer.cursor) == ({}, {"next": DAY})
    scene.now = datetime(2026, 1, 2, 2)
    found, answer = scene.pull(answer.cursor)
    assert [*found] == ["amplitude.events", "amplitude.events_properties"]
    assert scene.source.last_day() == date(2026, 1, 1)


def test_an_answer_that_is_only_looked_at_costs_the_service_nothing(scene):
    with scene.source.pull({}) as answer:
        assert answer.complete
    assert scene.server.asked == []


def test_a_day_can_be_asked_for_again_without_moving_the_cursor(scene):
    scene.server.put("2025-06-01", 3, [event("a")])
    assert isinstance(scene.source, Dated)
    with scene.source.day(date(2025, 6, 1), {"next": DAY}) as answer:
        assert (answer.cursor, answer.complete) == ({"next": DAY}, True)
        assert [len(duckdb.from_arrow(batch.rows).fetchall()) for batch in answer.batches] == [1, 1]


def test_a_start_that_is_no_day_is_refused(scene):
    with pytest.raises(SourceError, match="'yesterday' is not a day"), scene.make(start="yesterday").pull({}):
        pass


def test_there_is_no_snapshot_to_compare_with(scene):
    with pytest.raises(SourceError, match="no snapshot"):
        scene.source.everything()
    assert scene.source.estimate({}) is None


def test_a_day_passes_through_in_bounded_memory(tmp_path):
    """200 MB of lines, while less than a half of that is held: two databases, with their buffers, take most of it."""
    script = Path(__file__).with_name("day.py")
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    events, entries, size, peak = map(int, done.stdout.split())
    assert (events, entries) == (96_000, 192_000)
    assert size > 200_000_000
    assert peak < 100_000_000
