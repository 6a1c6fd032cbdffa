"""Stored events in Bigtable: what their rows look like to whoever reads them with Google's own tools."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from asterism.adapters.gcp import table as bigtable
from asterism.adapters.gcp.events import SALTS, BigtableEvents
from asterism.adapters.gcp.table import Row, Table
from asterism.conform.events import DOORS, FAMILIES, NOON
from asterism.errors import StateError, UsageError
from asterism.ports.events import Place


@pytest.fixture
def name(bigtable: str) -> str:
    return f"t{uuid4().hex}"


def rows(name: str) -> list[Row]:
    table = Table("project", "instance", name, {})
    found = table.rows(chosen=bigtable.latest())
    table.close()
    return found


def test_a_rows_key_is_led_by_the_events_key_and_a_salt_and_no_two_events_share_one(name: str) -> None:
    events = BigtableEvents(f"bigtable://project/instance/{name}", FAMILIES)
    places = [Place(f"door-{n % 3}", NOON + timedelta(seconds=n // 50), f"e{n}") for n in range(200)]
    events.put(DOORS, [(place, {"event": b"1"}) for place in places])
    keys = [bigtable.decoded(row.key) for row in rows(name)]
    assert len(keys) == len(places)
    assert {key[0] for key in keys} == {"door-0", "door-1", "door-2"}
    assert {key[1] for key in keys if key[0] == "door-1"} == {str(n) for n in range(SALTS)}
    in_time = [key[4] for key in keys]
    assert in_time != sorted(in_time, key=lambda each: int(each[1:]))  # written one after the other, they lie apart
    events.close()


def test_cells_hold_plain_text_at_the_time_of_the_event_and_nothing_twice(name: str) -> None:
    events = BigtableEvents(f"bigtable://project/instance/{name}", FAMILIES)
    place = Place("door-3", datetime(2019, 8, 5, 14, 2, 11), "e1")
    cells = {"service": b'"door-3"', "event": b"1", "eventTime": b'"2019-08-05 14:02:11"'}
    for _ in range(2):
        events.put(DOORS, [(place, cells)])
    events.mark(DOORS, "status", 7, [(place, {"currentOccupancy": b"41"})])
    table = Table("project", "instance", name, {})
    (row,) = table.rows(chosen=bigtable.latest(99))
    at = 1_565_013_731_000_000
    assert {(each.family, each.column, each.value, each.timestamp) for each in row.cells} == {
        ("event", b"service", b"door-3", at),
        ("event", b"event", b"1", at),
        ("event", b"eventTime", b"2019-08-05 14:02:11", at),
        ("status", b"currentOccupancy", b"41", 7_000),
    }
    assert len(row.cells) == 4
    table.close()
    events.close()


def test_a_family_that_the_table_has_not_is_told(name: str) -> None:
    events = BigtableEvents(f"bigtable://project/instance/{name}", ["another"])
    with pytest.raises(StateError, match="event"):
        events.put(DOORS, [(Place("door-1", NOON, "e1"), {"n": b"1"})])
    events.close()
    with pytest.raises(UsageError, match="bigtable://project/instance/table"):
        BigtableEvents("bigtable://project", FAMILIES)
