"""kill -9 of a running platform under load: what was acknowledged is in its table once, and in each view once."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from faults.hall import Client, Hall
from faults.soak_record import SEED, record

IN_CI, IN_SOAK = 20, 200


@pytest.mark.slow(70)
def test_what_was_acknowledged_is_there_once_over_kills(tmp_path: Path) -> None:
    kill(tmp_path, IN_CI, seed=1)


@pytest.mark.soak
def test_two_hundred_kills(tmp_path: Path) -> None:
    kills, begun = int(os.environ.get("SOAK_STREAM_KILLS", IN_SOAK)), time.monotonic()
    acknowledged, rows = kill(tmp_path, kills, seed=SEED)
    told = (
        f"- {kills} kills, {acknowledged} events acknowledged meanwhile\n- at the end {rows} rows, each once in the "
        f"table and in each view: 0 differences, and 0 after `rebuild`\n- {(time.monotonic() - begun) / 60:.0f} minutes"
    )
    if kills >= IN_SOAK:
        record("pushed", told)


def kill(root: Path, times: int, seed: int) -> tuple[int, int]:
    """Answers how many events were acknowledged, and how many rows stand in the end."""
    rng, hall = Random(seed), Hall(root / "hall")
    hall.make()
    hall.start()
    clients = [Client(hall, [(f"c{n}-{m}", lines(rng, 5)) for m in range(times * 400)]) for n in range(4)]
    for client in clients:
        client.start()
    for _ in range(times):
        time.sleep(rng.uniform(0.0, 0.8))
        hall.kill()
        hall.start()
    for client in clients:
        client.stop.set()
    for client in clients:
        assert client.thread is not None
        client.thread.join()
    acknowledged = {each for client in clients for each in client.acknowledged}
    assert len(acknowledged) > times * 5
    try:
        hall.settle(len(acknowledged))
        exact(hall, acknowledged)
        hall.kill()  # with what has gathered for the lake
        hall.start()
        kept(hall, acknowledged)
    finally:
        hall.stop()
    before = hall.rows("select * from accesses order by _id")
    hall.ask("rebuild")
    assert hall.rows("select * from accesses order by _id") == before
    return len(acknowledged), len(before)


def lines(rng: Random, count: int) -> bytes:
    return b"\n".join(
        b'{"service":"door-%d","event":%d}' % (rng.randrange(7), rng.choice((1, 1, -1))) for _ in range(count)
    )


def kept(hall: Hall, acknowledged: set[str]) -> None:
    """What goes to the lake alone is there, all of it, and each record once by its id."""
    rows = hall.rows("select _id, service, event from accesses")
    wanted = {f"keeping/{row.pop('_id')}/0": row for row in rows}
    assert {f"keeping/{each}/0" for each in acknowledged} <= wanted.keys()
    until = time.monotonic() + 90
    while (found := {row["id"]: json.loads(row["record"]) for row in hall.landed("kept")}) != wanted:
        assert time.monotonic() < until, f"{len(wanted.keys() - found.keys())} of {len(wanted)} are not in the lake"
        time.sleep(0.5)


def exact(hall: Hall, acknowledged: set[str]) -> None:
    """Tables, views and models say the same, and nothing that was acknowledged is missing."""
    rows = hall.rows("select _id, service, event from accesses")
    ids = Counter(row["_id"] for row in rows)
    assert max(ids.values()) == 1
    assert acknowledged <= ids.keys()
    events = Counter(row["service"] for row in rows)
    inside: Counter[str] = Counter()
    for row in rows:
        inside[row["service"]] += row["event"]
    expected = {name: {"events": events[name], "inside": inside[name]} for name in events}
    assert hall.view("counts") == expected
    assert {row.pop("service"): row for row in hall.rows("select * from per_service")} == expected
    entering = [row for row in rows if row["event"] == 1]
    assert {row["_id"] for row in hall.rows("select _id from entries")} == {f"entering/{r['_id']}/0" for r in entering}
    assert hall.view("entered") == {"all": {"events": len(entering), "inside": len(entering)}}
