"""What every Log must do: exercises that an adapter's own tests run against a real log.

    @pytest.mark.parametrize("exercise", LOG_EXERCISES + DEDUPE_EXERCISES + ..., ids=lambda exercise: exercise.__name__)
    def test_the_log_conforms(exercise, make_log):
        exercise(make_log)

`make_log` opens one empty log; called again, the same. It can be pickled: a `functools.partial` of a class, say.
LOG_EXERCISES are for every log. A log of which a broker says what is numbered, remembered, kept or erased, or how large
a record may be, leaves out POSITION_EXERCISES, DEDUPE_EXERCISES, RETENTION_EXERCISES, ERASING_EXERCISES or
LARGE_EXERCISES, and its tests say why. Those of conform/log_shared.py belong to them.
"""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from asterism.conform.state import HOSTILE
from asterism.ports.log import Entry, Log, Logged, Offsets

MakeLog = Callable[[], Log]
Exercise = Callable[[MakeLog], None]

_WEEK = timedelta(days=7)
_PATIENCE = 60.0
_MEGABYTE = 1_000_000
_STREAMS = ("_quarantine", "sns-events", "sns_events", "select", "s" * 63, "s--", 's"; drop table streams; --', "ä'")


def records_come_back_as_they_were_appended(make_log: MakeLog) -> None:
    """Byte for byte, with ids, keys and the time, each key in its order; positions grow."""
    log = make_log()
    before = time.time_ns() // 1000
    entries = [Entry(f"r{n}", f"k{n % 7}", b'{"n": %d, "s": "\xc3\xa4"}' % n, n % 2 == 0) for n in range(3_000)]
    assert log.append("s", entries, _WEEK) == [True] * 3_000
    log.append("s", [last := Entry("last", "", b"[]")], _WEEK)
    found = read_all(log, "s", limit=700)
    check_same(found, [*entries, last])
    # A second of grace: clocks of brokers, and those that are set back.
    assert all(before - 1_000_000 <= each.at <= time.time_ns() // 1000 + 1_000_000 for each in found)
    check_same(read_all(log, "s", limit=10_000), [*entries, last])
    log.close()


def what_was_never_appended_is_empty(make_log: MakeLog) -> None:
    """A stream is there with its first record, and asking for it makes none."""
    log = make_log()
    assert log.append("s", [], _WEEK) == []
    assert log.read("s", "c", {}, 10) == []
    standing = log.standing("s")
    assert (dict(standing.end), standing.records, standing.size, standing.oldest) == ({}, 0, 0, None)
    log.append("t", [Entry("a", "", b"1")], _WEEK)
    assert log.read("s", "c", {}, 10) == []
    assert [each.id for each in read_all(log, "t")] == ["a"]
    log.close()


def an_append_stands_when_it_returns(make_log: MakeLog) -> None:
    """Whoever opens the log sees it, though nobody closed it; and after closing, which may be repeated."""
    log, other = make_log(), make_log()
    log.append("s", [Entry("a", "k", b"1")], _WEEK)
    check_same(read_all(other, "s"), [Entry("a", "k", b"1")])
    other.append("s", [Entry("b", "k", b"2")], _WEEK)
    for each in (log, other, log):
        each.close()
    log = make_log()
    check_same(read_all(log, "s"), [Entry("a", "k", b"1"), Entry("b", "k", b"2")])
    log.close()


def what_was_read_and_not_committed_comes_again(make_log: MakeLog) -> None:
    """To the same reader, and to another after it was closed; what was committed does not, in either."""
    log = make_log()
    log.append("s", [Entry(f"r{number}", "", b"1") for number in range(6)], _WEEK)
    found = _some(log, 6)
    log.commit("s", "c", offsets(found[:3]))
    log.close()
    log = make_log()
    again = _some(log, 3, offsets(found[:3]))
    assert sorted(each.id for each in again) == sorted(each.id for each in found[3:])
    log.commit("s", "c", offsets(again))
    assert log.read("s", "c", offsets(again), 10) == []
    log.close()


def all_see_where_a_stream_stands(make_log: MakeLog) -> None:
    """Its end and its consumers, after closing and opening too."""
    log, other = make_log(), make_log()
    log.append("s", [Entry("a", "k", b"1"), Entry("b", "k", b"22")], _WEEK)
    log.commit("s", "c", log.standing("s").end)
    before = log.standing("s")
    assert before == other.standing("s")
    assert before.committed["c"] == before.end != {}
    for each in (log, other):
        each.close()
    log = make_log()
    assert log.standing("s") == before
    log.close()


def each_consumer_has_a_position_that_never_goes_back(make_log: MakeLog) -> None:
    """By name, in each stream; reading moves none, and starts wherever the reader says."""
    log = make_log()
    log.append("s", [Entry(f"r{n}", "k", b"1") for n in range(5)], _WEEK)
    found = log.read("s", "a", {}, 5)
    assert log.read("s", "a", {}, 5) == found
    assert dict(log.standing("s").committed) == {}
    second, fourth = (offsets(found[:count]) for count in (2, 4))
    log.commit("s", "a", fourth)
    log.commit("s", "b", second)
    log.commit("s", "a", second)
    assert dict(log.standing("s").committed) == {"a": fourth, "b": second}
    assert dict(log.standing("t").committed) == {}
    assert log.read("s", "b", second, 2) == found[2:4]
    assert log.read("s", "a", fourth, 2) == found[4:]
    assert log.read("s", "a", log.standing("s").end, 2) == []
    log.close()


def a_reader_waits_for_the_first_record(make_log: MakeLog) -> None:
    """And is woken by an append of another thread, and of another object."""
    log, other = make_log(), make_log()
    began = time.monotonic()
    assert log.read("s", "c", {}, 10, wait=0.05) == []
    assert time.monotonic() - began >= 0.05
    after: Offsets = {}
    for number, producer in enumerate((log, other)):
        timer = threading.Timer(0.05, producer.append, ("s", [Entry(f"r{number}", "", b"1")], _WEEK))
        timer.start()
        found = log.read("s", "c", after, 10, wait=_PATIENCE)
        timer.join()
        assert [each.id for each in found] == [f"r{number}"]
        after = offsets(found, after)
    assert time.monotonic() - began < _PATIENCE
    log.close()
    other.close()


def bodies_are_read_piece_by_piece(make_log: MakeLog) -> None:
    """Much of them takes little memory, however much is asked for."""
    log = make_log()
    for number in range(48):
        log.append("s", [Entry(f"r{number}", "k", b"%02d" % number * (_MEGABYTE // 2), given=False)], _WEEK)
    assert _read_bounded(log) == [f"r{number}" for number in range(48)]
    log.close()


def a_large_body_comes_alone(make_log: MakeLog) -> None:
    """Larger than what else comes at a time."""
    log = make_log()
    log.append("s", [Entry("small", "k", b"1"), Entry("large", "k", b"x" * (12 * _MEGABYTE))], _WEEK)
    assert _read_bounded(log) == ["small", "large"]
    log.close()


def _read_bounded(log: Log) -> list[str]:
    ids: list[str] = []
    after: Offsets = {}
    tracemalloc.start()
    try:
        while found := log.read("s", "c", after, 10_000):
            ids += [each.id for each in found]
            after = offsets(found, after)
            log.commit("s", "c", after)
            assert len(found) == 1 or sum(len(each.body) for each in found) <= 12 * _MEGABYTE
        assert tracemalloc.get_traced_memory()[1] < 40 * _MEGABYTE
    finally:
        tracemalloc.stop()
    return ids


def hostile_texts_are_only_texts(make_log: MakeLog) -> None:
    """Ids, keys and consumers are any text; a name of a stream that a file of a platform may hold stays one too."""
    log = make_log()
    texts = sorted(HOSTILE)
    for stream in _STREAMS:
        log.append(stream, [Entry(text, text, stream.encode()) for text in texts], _WEEK)
    for stream in _STREAMS:
        found = read_all(log, stream)
        assert sorted(each.id for each in found) == texts
        assert all(each.id == each.key and each.body == stream.encode() for each in found)
    for text in texts:
        assert len(read_all(log, "select", consumer=text)) == len(texts)
    log.close()


def hostile_consumers_have_positions(make_log: MakeLog) -> None:
    """And hostile ids are remembered."""
    log = make_log()
    texts = sorted(HOSTILE)
    for stream in _STREAMS:
        log.append(stream, [Entry(text, text, b"1") for text in texts], _WEEK)
        end = log.standing(stream).end
        for text in texts:
            log.commit(stream, text, end)
        assert dict(log.standing(stream).committed) == dict.fromkeys(texts, end)
    log.close()


def hostile_ids_are_remembered(make_log: MakeLog) -> None:
    """As any other."""
    log = make_log()
    entries = [Entry(text, text, b"1") for text in sorted(HOSTILE)]
    for stream in _STREAMS:
        assert log.append(stream, entries, _WEEK) == [True] * len(entries)
        assert log.append(stream, entries, _WEEK) == [False] * len(entries)
    log.close()


def an_id_is_taken_once(make_log: MakeLog) -> None:
    """Within one append, across appends, objects and streams; ids given at the door are not looked at."""
    log, other = make_log(), make_log()
    a, b, c = (Entry(name, "k", name.encode()) for name in "abc")
    assert log.append("s", [a, b, a._replace(body=b"again")], _WEEK) == [True, True, False]
    assert other.append("s", [b, c, c, a], _WEEK) == [False, True, False, False]
    assert other.append("t", [a], _WEEK) == [True]
    assert log.append("s", [a], _WEEK) == [False]
    door = Entry("d", "k", b"d", given=False)
    assert log.append("s", [door, door], _WEEK) == [True, True]
    check_same(read_all(log, "s"), [a, b, c, door, door])
    many = [Entry(f"r{number % 12_000}", "k", b"1") for number in range(24_000)]
    assert log.append("u", many, _WEEK) == [True] * 12_000 + [False] * 12_000
    assert log.append("u", many, _WEEK) == [False] * 24_000
    assert log.standing("u").records == 12_000
    log.close()
    other.close()


def an_id_is_forgotten_when_its_time_is_over(make_log: MakeLog) -> None:
    """Then it is new again, and remembered again; trimming forgets it no earlier."""
    log = make_log()
    entry, lasting = Entry("a", "k", b"1"), Entry("b", "k", b"1")
    assert log.append("s", [lasting], _WEEK) == [True]
    assert log.append("s", [entry], timedelta(milliseconds=50)) == [True]
    deadline = time.monotonic() + _PATIENCE
    while log.append("s", [entry], _WEEK) == [False]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    log.trim("s", (), _now() + timedelta(days=1))
    assert log.append("s", [entry, lasting], _WEEK) == [False, False]
    log.close()


def only_what_all_have_read_is_dropped(make_log: MakeLog) -> None:
    """By age and by size, never what a consumer that is named needs; positions are never given again."""
    log = make_log()
    log.append("s", [Entry(f"r{n}", "k", b"x" * 100) for n in range(10)], _WEEK)
    found = read_all(log, "s")
    later, earlier = _now() + timedelta(days=1), _now() - timedelta(days=1)
    assert log.trim("s", ("a",), later) == 0
    log.commit("s", "a", offsets(found[:8]))
    log.commit("s", "b", offsets(found[:4]))
    log.commit("s", "gone", offsets(found[:1]))
    assert log.trim("s", ("a", "b"), earlier) == 0
    assert log.trim("s", ("a", "b", "new"), later) == 0
    assert log.trim("s", ("a", "b"), earlier, keep_bytes=750) == 3
    assert read_all(log, "s") == found[3:]
    assert log.trim("s", ("a", "b"), earlier, keep_bytes=0) == 1
    assert log.trim("s", ("a",), later) == 4
    standing = log.standing("s")
    assert (standing.records, standing.size, standing.end) == (2, 200, offsets(found))
    assert standing.oldest is not None
    assert abs(standing.oldest - _now()) < timedelta(hours=1)
    assert log.trim("s", (), later) == 2
    assert log.standing("s").oldest is None
    assert log.trim("nothing", ("a",), later) == 0
    log.close()
    log = make_log()
    old, new = Entry("r0", "k", b"1"), Entry("new", "k", b"1")
    assert log.append("s", [old, new], _WEEK) == [False, True]
    assert log.standing("s").end != offsets(found)
    check_same(log.read("s", "a", offsets(found), 10), [new])
    log.close()


def what_is_erased_is_gone(make_log: MakeLog) -> None:
    """By id, read or not, whatever was given at the door too; its id may come again, and positions stay."""
    log, other = make_log(), make_log()
    entries = [Entry(f"r{n}", "k", b"x" * 10, n % 2 == 0) for n in range(7_000)]
    log.append("s", entries, _WEEK)
    log.append("t", entries[:1], _WEEK)
    end = log.standing("s").end
    gone = [f"r{n}" for n in range(7_000) if n % 3]
    assert log.erase("s", [*gone, "nothing", *HOSTILE]) == len(gone)
    kept = [entry for entry in entries if entry.id not in set(gone)]
    check_same(read_all(other, "s"), kept)
    standing = other.standing("s")
    assert (standing.records, standing.size, standing.end) == (len(kept), 10 * len(kept), end)
    assert (log.erase("s", gone), log.erase("s", ()), log.erase("nothing", gone)) == (0, 0, 0)
    assert other.append("s", [entries[2], entries[0]], _WEEK) == [True, False]
    check_same(read_all(log, "t"), entries[:1])
    log.close()
    other.close()


LOG_EXERCISES: tuple[Exercise, ...] = (
    records_come_back_as_they_were_appended,
    what_was_never_appended_is_empty,
    an_append_stands_when_it_returns,
    what_was_read_and_not_committed_comes_again,
    a_reader_waits_for_the_first_record,
    hostile_texts_are_only_texts,
)
LARGE_EXERCISES: tuple[Exercise, ...] = (bodies_are_read_piece_by_piece, a_large_body_comes_alone)
POSITION_EXERCISES: tuple[Exercise, ...] = (
    all_see_where_a_stream_stands,
    each_consumer_has_a_position_that_never_goes_back,
    hostile_consumers_have_positions,
)
DEDUPE_EXERCISES: tuple[Exercise, ...] = (
    hostile_ids_are_remembered,
    an_id_is_taken_once,
    an_id_is_forgotten_when_its_time_is_over,
)
RETENTION_EXERCISES: tuple[Exercise, ...] = (only_what_all_have_read_is_dropped,)
ERASING_EXERCISES: tuple[Exercise, ...] = (what_is_erased_is_gone,)


def offsets(read: Iterable[Logged], before: Offsets | None = None) -> dict[str, int]:
    """How far a stream was read."""
    return {**(before or {}), **{each.partition: each.position for each in read}}


def read_all(log: Log, stream: str, limit: int = 1_000, consumer: str | None = None) -> list[Logged]:
    """The whole of a stream, page by page, each committed, as a consumer that is new unless it is named."""
    consumer = uuid4().hex if consumer is None else consumer
    found: list[Logged] = []
    while page := log.read(stream, consumer, offsets(found), limit):
        assert len(page) <= limit
        found += page
        log.commit(stream, consumer, offsets(found))
    return found


def _some(log: Log, count: int, after: Offsets | None = None) -> list[Logged]:
    """So many records of `s`, none committed. Without keys, none waits for another's commit."""
    found: list[Logged] = []
    deadline = time.monotonic() + _PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline
        found += log.read("s", "c", offsets(found, after), count, wait=1.0)
    return found


def check_same(found: Sequence[Logged], entries: Sequence[Entry]) -> None:
    """That they are the same records, each key in its order, at positions that grow."""
    assert len(found) == len(entries)
    by_key, expected = defaultdict(list), defaultdict(list)
    for each in found:
        by_key[each.key].append((each.id, each.body))
    for entry in entries:
        expected[entry.key].append((entry.id, entry.body))
    assert by_key == expected
    last: dict[str, int] = {}
    for each in found:
        assert each.position > last.get(each.partition, 0)
        last[each.partition] = each.position


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
