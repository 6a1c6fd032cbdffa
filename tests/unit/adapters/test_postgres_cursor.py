"""The cursor remembers the polls that it needs, and no more."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

from asterism.adapters.postgres.cursor import Load, Position, Shape
from asterism.adapters.postgres.snapshot import Snapshot

_START = datetime(2024, 1, 1)


def _snapshot(minute: int, xmin: int, xmax: int) -> Snapshot:
    return Snapshot(xmin, xmax, _START + timedelta(minutes=minute), str(2**63 - 1), 1, 5, standby=False)


def _polled(*snapshots: Snapshot) -> Position:
    position = Position.start(snapshots[0])
    for snapshot in snapshots[1:]:
        position = position.after(snapshot, (), reconciled=False)
    return position


def test_a_cursor_survives_json() -> None:
    position = replace(
        _polled(_snapshot(0, 10, 12)),
        tables={"t": Shape(1, "f", ("a", "b"), {"a": ("INTEGER", "1:23:")}, ("1=ok",))},
        load=Load("t", ("1", "x"), 5),
    )
    assert Position.read(json.loads(json.dumps(position.write()))) == position


def test_the_beginning_and_a_cursor_of_another_version_are_no_position() -> None:
    assert Position.read({}) is None
    assert Position.read({"version": 99}) is None


def test_the_bound_is_the_latest_poll_before_which_nothing_of_now_was_written() -> None:
    quiet = _polled(_snapshot(0, 10, 10), _snapshot(1, 20, 20))
    assert quiet.written_after(timedelta(0)) == _START + timedelta(minutes=1)
    held = _polled(_snapshot(0, 10, 10), _snapshot(1, 15, 20), _snapshot(2, 15, 30))
    assert held.written_after(timedelta(minutes=15)) == _START - timedelta(minutes=15)
    unknown = replace(held, polls=())
    assert unknown.written_after(timedelta(0)) is None


def test_polls_that_no_horizon_needs_are_forgotten() -> None:
    assert len(_polled(*(_snapshot(n, 10 * n, 10 * n) for n in range(50))).polls) == 1
    held = _polled(*(_snapshot(n, 5, 10 * n) for n in range(1000)))
    assert len(held.polls) <= 64
    assert held.polls[0] == (_START.isoformat(), 0)
    assert held.polls[-1] == ((_START + timedelta(minutes=999)).isoformat(), 9990)
