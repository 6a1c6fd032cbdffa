"""Events that are sent twice, shuffled, by many clients, some malformed: everything is exact."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from faults.hall import PLATFORM, Client, Hall
from faults.test_stream_kill import exact

EVENTS, CLIENTS, BATCH = 100_000, 8, 200


@pytest.mark.slow(25)
def test_a_hundred_thousand_events_sent_twice_shuffled_by_eight_clients(tmp_path: Path) -> None:
    rng, hall = Random(7), Hall(tmp_path / "hall")
    hall.make()
    hall.start()
    try:
        events = [event(number, rng) for number in range(EVENTS)]
        batches = [(f"b{start}", b"\n".join(events[start : start + BATCH])) for start in range(0, EVENTS, BATCH)]
        sent = batches * 2
        rng.shuffle(sent)
        clients = [Client(hall, sent[n::CLIENTS]) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            assert client.thread is not None
            client.thread.join()
        good = EVENTS - EVENTS // 50
        acknowledged = Counter(each for client in clients for each in client.acknowledged)
        assert len(acknowledged) == good
        assert set(acknowledged.values()) == {2}
        hall.settle(good)
        exact(hall, set(acknowledged))
        assert len(hall.rows("select _id from accesses")) == good
        bad = hall.rows("select reason, count(*) as n from _quarantine group by reason order by reason")
        assert sum(row["n"] for row in bad) == EVENTS // 50, bad
        assert {row["reason"] for row in bad} == {"Invalid enum value 2 - at `$.event`"}
        hall.stop()
        mended = PLATFORM.replace("event: Literal[1, -1]", "event: int")
        (hall.root / "platform.py").write_text(mended)
        hall.start()
        assert len(hall.ask("quarantine", "replay", "--stream", "accesses")["taken"]) == EVENTS // 50
        hall.settle(EVENTS)
        assert hall.rows("select count(*) as n from _quarantine")[0]["n"] == 0
    finally:
        hall.stop()
    hall.ask("reset", "--yes", "dev")
    assert not [path for path in (hall.root / ".asterism" / "dev").glob("*.db*") if "warehouse" not in path.name]
    hall.start()
    try:
        Client(hall, batches[1:2]).run()
        hall.settle(BATCH)  # none of them is malformed any more
        assert len(hall.rows("select _id from accesses")) == BATCH
    finally:
        hall.stop()


def event(number: int, rng: Random) -> bytes:
    if number % 50 == 0:
        return b'{"service":"door-%d","event":2}' % (number % 97)
    return b'{"service":"door-%d","event":%d}' % (number % 97, rng.choice((1, -1)))
