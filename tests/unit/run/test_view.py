"""A live view is the fold of its stream's records, each once, and stands still rather than be wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from kernel.listlog import ListLog

from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.declare.view import View, hopping, tumbling
from asterism.errors import AsterismError, LogError, StateError, ViewError
from asterism.ports.log import Entry
from asterism.run.records import Shape, landed
from asterism.run.refold import rebuild
from asterism.run.view import ViewWorker, skip


class Access(Record):
    service: str | None
    change: int
    at: datetime | None = None


class Count(Record):
    here: int = 0
    seen: tuple[int, ...] = ()


def count(state: Count, record: Access) -> Count:
    if record.change == 13:
        raise ValueError("thirteen")
    return Count(here=state.here + record.change, seen=(*state.seen, record.change))


ACCESSES = Stream("accesses", Access, key="service")
VIEW = View("occupancy", ACCESSES, count, Count, "service")
NOON = datetime(2024, 1, 1, 12)


class Scene:
    """A stream, a view and its worker."""

    def __init__(self, path: Path) -> None:
        self.log = ListLog()
        self.path = path
        self.state = SqliteState(path)
        self.appended = 0

    def append(self, *changes: int, service: str | None = "door", at: datetime | None = None) -> list[str]:
        """Records, one a change; answers their ids."""
        ids = []
        for change in changes:
            self.appended += 1
            ids.append(f"r{self.appended}")
            body = msgspec.json.encode(Access(service=service, change=change, at=at))
            self.log.append("accesses", [Entry(ids[-1], service or "", body)], timedelta(1))
        return ids

    def worker(self, view: View = VIEW) -> ViewWorker:
        return ViewWorker(view, Shape(view.stream), self.log, self.state)

    def read(self, view: View = VIEW) -> dict[Any, Any]:
        """States by key, or by (key, window) where there are windows."""
        return {
            (each.key, each.window) if each.window else each.key: msgspec.json.decode(each.value, type=view.initial)
            for each in self.state.scan(view.name)
        }

    def note(self, view: View = VIEW) -> Any:
        return self.state.watch(view.name, 0, limit=0)[0].note

    def late(self) -> list[str]:
        """The ids of the records that were set aside."""
        return [msgspec.json.decode(each.body)["record_id"] for each in self.log.streams["_quarantine"]]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "views.db")
    yield made
    made.state.close()


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Running:
    """A worker on a thread, and what it told."""

    def __init__(self, worker: ViewWorker) -> None:
        self.told: list[AsterismError] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=worker.run, args=(self.stop, self.told.append))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


def test_each_key_has_a_state_folded_in_the_order_of_the_log(scene: Scene) -> None:
    scene.append(1, 1, -1)
    scene.append(5, service="gate")
    assert scene.worker().step(0) == 4
    assert scene.read() == {"door": Count(here=1, seen=(1, 1, -1)), "gate": Count(here=5, seen=(5,))}
    assert scene.log.committed["accesses"]["view:occupancy"] == {"d": 20, "g": 0}


def test_a_slow_fold_takes_fewer_records_at_a_time_and_a_quick_one_more(scene: Scene) -> None:
    def slowly(state: Count, record: Access) -> Count:
        time.sleep(0.02 if record.change < 100 else 0)
        return Count(here=state.here + record.change)

    scene.append(*([1] * 150), *([100] * 1000))
    worker, steps = scene.worker(replace(VIEW, fold=slowly)), []
    while done := worker.step(0.0):
        steps.append(done)
    assert scene.read() == {"door": Count(here=100_150)}
    assert steps[0] == 100
    assert steps[1] < 50
    assert steps[-2] > 100


def test_a_view_without_a_key_has_one_state(scene: Scene) -> None:
    scene.append(1, 2)
    scene.append(3, service=None)
    view = replace(VIEW, key=None)
    scene.worker(view).step(0)
    assert scene.read(view) == {"all": Count(here=6, seen=(1, 2, 3))}


def test_records_that_come_again_count_once(scene: Scene) -> None:
    scene.log.again = 3
    worker = scene.worker()
    for change in range(1, 6):
        scene.append(change)
        assert worker.step(0) == 1
    assert scene.worker().step(0) == 0
    assert scene.read()["door"].seen == (1, 2, 3, 4, 5)


def test_what_a_store_without_transactions_kept_half_way_is_not_folded_again(scene: Scene) -> None:
    scene.append(1, 2, 3)
    scene.append(4, service="gate")
    worker = scene.worker()
    worker.claim()
    worker.step(0)
    # The states were put, the offsets were not: the crash came between the two.
    kept = [each for each in scene.state.scan("occupancy") if each.key == "door"]
    scene.state.replace("occupancy", None)
    scene.state.put("occupancy", scene.state.claim("occupancy").epoch, kept, {})
    scene.append(5)
    assert scene.worker().step(0) == 5
    assert {key: each.seen for key, each in scene.read().items()} == {"door": (1, 2, 3, 5), "gate": (4,)}


def test_a_fold_that_raises_stops_the_view_at_that_record(scene: Scene) -> None:
    *_, bad, _ = scene.append(1, 2, 13, 4)
    worker = scene.worker()
    with pytest.raises(ViewError, match=rf"stands still at record {bad}: ValueError: thirteen \(.*test_view.py:\d+\)"):
        worker.step(0)
    assert scene.read()["door"].seen == (1, 2)
    stopped = scene.note()["stopped"]
    assert (stopped["id"], stopped["position"], stopped["error"]["type"]) == (bad, 20, "ValueError")
    version = scene.state.watch("occupancy", 0, limit=0)[0].version
    with pytest.raises(ViewError):
        worker.step(0)
    assert scene.note()["stopped"] == stopped
    assert scene.state.watch("occupancy", 0, limit=0)[0].version == version


@pytest.mark.parametrize("raised", [SystemExit("\ud800"), ValueError("\ud800")])
def test_whatever_a_fold_raises_stops_the_view_alone_and_can_be_told(scene: Scene, raised: BaseException) -> None:
    def leave(_state: Count, _record: Access) -> Count:
        raise raised

    scene.append(1)
    with pytest.raises(ViewError, match=r"\\ud800"):
        scene.worker(replace(VIEW, fold=leave)).step(0)
    assert scene.note()["stopped"]["error"]["message"] == r"\ud800"


def test_a_record_that_does_not_fit_is_told_by_its_own_fields(scene: Scene) -> None:
    scene.log.append("accesses", [Entry("bad", "door", b'{"service":"door","change":"one"}')], timedelta(1))
    with pytest.raises(ViewError, match=r"Expected `int`, got `str` - at `\$.change`"):
        scene.worker().step(0)


def test_a_skipped_record_is_passed_over_and_counted(scene: Scene) -> None:
    *_, bad, _ = scene.append(1, 13, 4)
    worker = scene.worker()
    with pytest.raises(ViewError):
        worker.step(0)
    skip(scene.state, VIEW, bad)
    assert "stopped" not in scene.note()
    assert worker.step(0) == 2
    assert scene.read()["door"].seen == (1, 4)
    assert (scene.note()["skip"], scene.note()["skipped"]) == ([bad], 1)


def test_a_mended_fold_goes_on_where_the_view_stood(scene: Scene) -> None:
    scene.append(1, 13, 4)
    with pytest.raises(ViewError):
        scene.worker().step(0)
    mended = replace(VIEW, fold=lambda state, record: Count(here=state.here, seen=(*state.seen, record.change)))
    scene.worker(mended).step(0)
    assert scene.read()["door"].seen == (1, 13, 4)
    assert "stopped" not in scene.note()


def test_a_record_that_fits_the_type_no_longer_stops_the_view_until_it_is_skipped(scene: Scene) -> None:
    scene.append(1)
    scene.log.append("accesses", [Entry("odd", "door", b'{"service": "door", "change": "one"}')], timedelta(1))
    scene.append(2)
    worker = scene.worker()
    with pytest.raises(ViewError, match="odd: ValidationError: Expected `int`"):
        worker.step(0)
    assert scene.read()["door"].seen == (1,)
    skip(scene.state, VIEW, "odd")
    worker.step(0)
    assert scene.read()["door"].seen == (1, 2)


def into_nothing(state: Count, record: Access) -> Any:
    return None if record.change == 2 else count(state, record)


def into_text(state: Count, record: Access) -> Any:
    return Count(here="two" if record.change == 2 else state.here, seen=(*state.seen, record.change))  # type: ignore[arg-type]


def into_itself(state: Count, record: Access) -> Any:
    msgspec.structs.force_setattr(state, "seen", (*state.seen, record.change))
    if record.change == 2:
        raise ValueError("too late to take it back")
    return state


@pytest.mark.parametrize(
    ("fold", "says"),
    [
        (into_nothing, "the fold gave NoneType, not Count"),
        (into_text, r"Expected `int`, got `str` - at `\$.here`"),
        (into_itself, "too late"),
    ],
)
def test_a_state_that_cannot_be_kept_is_a_fault_of_the_record_that_made_it(
    scene: Scene, fold: Callable[[Any, Any], Any], says: str
) -> None:
    scene.append(0, 1)
    bad, _ = scene.append(2, 3)
    with pytest.raises(ViewError, match=f"record {bad}: .*{says}"):
        scene.worker(replace(VIEW, fold=fold)).step(0)
    assert scene.read()["door"].seen == (0, 1)


def test_a_state_of_another_type_says_that_the_view_is_to_be_rebuilt(scene: Scene) -> None:
    class Other(Record):
        here: str = ""

    scene.append(1)
    scene.worker().step(0)
    scene.append(2)
    with pytest.raises(ViewError, match=r"does not fit Other.* rebuild the view"):
        scene.worker(replace(VIEW, initial=Other)).step(0)


def test_a_state_that_stays_the_same_is_no_change(scene: Scene) -> None:
    view = replace(VIEW, fold=lambda state, record: state if record.change == 0 else count(state, record))
    scene.append(1)
    worker = scene.worker(view)
    worker.step(0)
    version = scene.state.watch("occupancy", 0, limit=0)[0].version
    scene.append(0, 0)
    worker.step(0)
    header, changes = scene.state.watch("occupancy", version)
    assert (header.offsets, changes) == ({"d": 20}, [])


def test_a_view_never_runs_ahead_of_the_table_it_comes_after(scene: Scene) -> None:
    view = replace(VIEW, after="streams.accesses")
    scene.append(1, 2, 3)
    worker = scene.worker(view)
    assert worker.step(0.02) == 0
    scene.log.commit("accesses", "warehouse", {"d": 10})
    assert worker.step(0) == 2
    assert scene.read()["door"].seen == (1, 2)
    timer = threading.Timer(0.1, scene.log.commit, ("accesses", "warehouse", {"d": 20}))
    timer.start()
    assert worker.step(30) == 1
    timer.join()


@pytest.mark.parametrize(
    "other", [{"key": None}, {"window": tumbling("at", "1h")}, {"stream": Stream("others", Access)}]
)
def test_a_view_of_another_key_window_or_stream_mixes_nothing_and_says_that_it_is_to_be_rebuilt(
    scene: Scene, other: dict[str, Any]
) -> None:
    scene.append(1, 2)
    scene.worker().step(0)
    scene.append(3, at=NOON)
    changed = replace(VIEW, **other)
    for _ in range(2):
        with pytest.raises(ViewError, match="another key, window or stream") as caught:
            scene.worker(changed).step(0)
    assert "asterism view rebuild occupancy" in caught.value.remedy
    assert scene.read() == {"door": Count(here=3, seen=(1, 2))}
    assert "another key" in scene.note()["stopped"]["error"]["message"]
    scene.worker().step(0)
    assert scene.read() == {"door": Count(here=6, seen=(1, 2, 3))}
    assert "stopped" not in scene.note()


def test_a_view_that_was_made_anew_by_another_key_goes_on_with_that(scene: Scene) -> None:
    scene.append(1, 2)
    scene.worker().step(0)
    changed = replace(VIEW, key=None)
    rebuild(changed, Shape(ACCESSES), [], scene.log, scene.state)
    scene.append(3)
    scene.worker(changed).step(0)
    assert scene.read() == {"all": Count(here=6, seen=(1, 2, 3))}


def test_windows_that_follow_one_another(scene: Scene) -> None:
    view = replace(VIEW, window=tumbling("at", "1h", lateness="30m"))
    for minutes, change in ((0, 1), (59, 2), (60, 4), (40, 8), (90, 16)):
        scene.append(change, at=NOON + timedelta(minutes=minutes))
    scene.worker(view).step(0)
    assert {window: state.seen for (_, window), state in scene.read(view).items()} == {
        "2024-01-01T12:00:00": (1, 2, 8),
        "2024-01-01T13:00:00": (4, 16),
    }


def test_windows_that_overlap_take_a_record_into_each(scene: Scene) -> None:
    view = replace(VIEW, window=hopping("at", "1h", "30m"))
    scene.append(1, at=NOON + timedelta(minutes=10))
    scene.append(2, at=NOON + timedelta(minutes=30))
    scene.worker(view).step(0)
    assert {window[11:16]: state.seen for (_, window), state in scene.read(view).items()} == {
        "11:30": (1,),
        "12:00": (1, 2),
        "12:30": (2,),
    }


def test_what_comes_too_late_or_without_a_time_is_set_aside_and_the_rest_goes_on(scene: Scene) -> None:
    view = replace(VIEW, window=tumbling("at", "1h", lateness="10m"))
    scene.append(1, at=NOON + timedelta(minutes=70))
    worker = scene.worker(view)
    worker.step(0)
    (late,) = scene.append(2, at=NOON + timedelta(minutes=59))
    (timeless,) = scene.append(3)
    (early,) = scene.append(4, at=datetime(1, 1, 1))
    scene.append(5, at=NOON + timedelta(minutes=60))
    scene.append(6, at=NOON, service="other")  # a partition of its own, with a watermark of its own
    worker.step(0)
    assert scene.late() == [late, timeless, early]
    assert scene.note()["late"] == 3
    assert {address: state.seen for address, state in scene.read(view).items()} == {
        ("door", "2024-01-01T13:00:00"): (1, 5),
        ("other", "2024-01-01T12:00:00"): (6,),
    }
    reasons = [msgspec.json.decode(each.body)["reason"] for each in scene.log.streams["_quarantine"]]
    assert reasons[0].startswith("it comes too late: its time is 2024-01-01T12:59:00")
    assert "holds no time" in reasons[1]


def test_a_second_worker_takes_over_and_the_first_stops_quietly(scene: Scene) -> None:
    scene.append(1)
    with Running(scene.worker()) as first:
        until(lambda: "door" in scene.read())
        with Running(scene.worker()) as second:
            first.thread.join(30)
            assert not first.thread.is_alive()
            scene.append(2)
            until(lambda: scene.read()["door"].here == 3)
            assert second.thread.is_alive()
    assert first.told == second.told == []


def test_a_fenced_worker_has_changed_nothing(scene: Scene) -> None:
    scene.append(1)
    first, second = scene.worker(), scene.worker()
    first.step(0)
    second.claim()
    scene.append(2)
    with pytest.raises(StateError) as error:
        first.step(0)
    assert error.value.fenced
    assert second.step(0) == 1
    assert scene.read()["door"].seen == (1, 2)


def test_a_running_view_tells_a_trouble_once_and_goes_on_after_a_skip(scene: Scene) -> None:
    (bad,) = scene.append(13)
    with Running(scene.worker()) as running:
        until(lambda: "stopped" in scene.note())
        scene.append(2)
        skip(scene.state, VIEW, bad)
        until(lambda: bool(scene.read()))
    assert scene.read()["door"].seen == (2,)
    assert [type(each) for each in running.told] == [ViewError]


def test_a_running_view_waits_for_a_log_that_is_down(scene: Scene) -> None:
    scene.log.is_down = True
    scene.append(1)
    with Running(scene.worker()) as running:
        until(lambda: bool(running.told))
        scene.log.is_down = False
        until(lambda: bool(scene.read()))
    assert [type(each) for each in running.told] == [LogError]


def test_a_rebuild_gives_what_the_view_was_from_landed_lines_and_the_log(scene: Scene) -> None:
    scene.append(1, 2, 3)
    scene.append(4, service="gate")
    lines = landed(scene.log.streams["accesses"])
    scene.worker().step(0)
    del scene.log.streams["accesses"][:2]  # what was landed need not be in the log
    scene.append(5)
    changed = replace(VIEW, fold=lambda state, record: Count(here=state.here + 100, seen=(*state.seen, record.change)))
    assert rebuild(changed, Shape(ACCESSES), [lines, lines], scene.log, scene.state) >= 4
    scene.worker(changed).step(0)
    assert scene.read() == {"door": Count(here=400, seen=(1, 2, 3, 5)), "gate": Count(here=100, seen=(4,))}
    assert scene.state.scan("occupancy~rebuild") == []


def test_a_running_view_goes_on_from_what_a_rebuild_made(scene: Scene) -> None:
    bad, _ = scene.append(13, 1)
    with Running(scene.worker()) as running:
        until(lambda: "stopped" in scene.note())
        skip(scene.state, VIEW, bad)
        until(lambda: bool(scene.read()))
        rebuild(VIEW, Shape(ACCESSES), [], scene.log, scene.state)
        assert scene.read()["door"].seen == (1,)
        scene.append(2)
        until(lambda: scene.read()["door"].seen == (1, 2))
        assert running.thread.is_alive()


def test_what_is_skipped_during_a_rebuild_stays_skipped(scene: Scene) -> None:
    scene.append(1)
    lines = landed(scene.log.streams["accesses"])

    def slowly() -> Iterator[bytes]:
        yield lines
        skip(scene.state, VIEW, "r2")

    rebuild(VIEW, Shape(ACCESSES), slowly(), scene.log, scene.state)
    scene.append(13, 2)
    assert scene.worker().step(0) == 2
    assert scene.read()["door"].seen == (1, 2)


def test_a_rebuild_that_fails_leaves_the_view_as_it_was(scene: Scene) -> None:
    scene.append(1, 2)
    scene.worker().step(0)
    before = scene.state.watch("occupancy", 0)
    with pytest.raises(ViewError):
        rebuild(replace(VIEW, fold=into_nothing), Shape(ACCESSES), [], scene.log, scene.state)
    assert scene.state.watch("occupancy", 0) == before
    assert scene.state.scan("occupancy~rebuild") == []


def test_a_rebuild_sets_aside_only_what_the_view_had_not(scene: Scene) -> None:
    view = replace(VIEW, window=tumbling("at", "1h"))
    scene.append(1, at=NOON)
    (late,) = scene.append(2, at=NOON - timedelta(hours=1))
    scene.worker(view).step(0)
    scene.log.streams["_quarantine"].clear()
    scene.log._given.clear()
    (later,) = scene.append(3, at=NOON - timedelta(hours=1))
    rebuild(view, Shape(ACCESSES), [landed(scene.log.streams["accesses"])], scene.log, scene.state)
    assert late != later
    assert scene.late() == [later]
    assert [state.seen for state in scene.read(view).values()] == [(1,)]


def test_a_clock_that_runs_ahead_makes_nothing_late(scene: Scene) -> None:
    view = replace(VIEW, window=tumbling("at", "1h", lateness="10m"))
    scene.append(1, at=datetime(2099, 1, 1))
    scene.append(2, at=datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1))
    scene.worker(view).step(0)
    assert scene.late() == []
