"""What every State must do: exercises that an adapter's own tests run against a real store.

    @pytest.mark.parametrize("exercise", STATE_EXERCISES, ids=lambda exercise: exercise.__name__)
    def test_the_state_conforms(exercise, make_state):
        exercise(make_state)

`make_state` opens one empty store; called again, the same. It can be pickled: a `functools.partial` of a class, say.
Stores without transactions are not asked what a put shows while it is carried out, only what stands after it.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event

from asterism.errors import StateError
from asterism.ports.state import Header, Kept, State

MakeState = Callable[[], State]

HOSTILE = (
    "", " ", "'", '"', "'; DROP TABLE states; --", "%", "_", "*", "/", "\\", "#", "a~b", "a b", "ä", "a\u0308", "漢字",
    "🦊", "\n", "\u2028", "k" * 900, "\x01",
)  # fmt: skip
"""Keys, and names, that are text like any other."""


def states_come_back_as_they_were_put(make_state: MakeState) -> None:
    """Values byte for byte, partitions and positions, by key and window; nothing for what has none."""
    state = make_state()
    epoch = state.claim("v").epoch
    many = [Kept(f"k{n}", b'{"n":%d}' % n, "0", n) for n in range(7_000)]
    one = Kept("k1", b'{"name": "\xc3\xa4"}', "shard-1", 2**63 - 1, "2024-01-01T00:00:00")
    state.put("v", epoch, [*many, one], {"0": 7_000, "shard-1": 2**63 - 1}, {"late": 1})
    wanted = {("k1", ""), ("k1", one.window), ("none", "")}
    assert state.get("v", wanted) == {("k1", ""): many[1], ("k1", one.window): one}
    assert state.get("v", [(each.key, "") for each in many]) == {(each.key, ""): each for each in many}
    assert state.get("v", ()) == {}
    assert state.get("nothing", wanted) == {}
    changed = one._replace(value=b"{}", partition="0", position=7_001)
    state.put("v", epoch, [changed], {"0": 7_001})
    assert state.get("v", [(one.key, one.window)]) == {(one.key, one.window): changed}
    state.close()


def the_header_counts_and_keeps(make_state: MakeState) -> None:
    """Claims count epochs, puts count versions; a note stays where none is given; offsets are those of the last put."""
    state = make_state()
    assert state.watch("v", 0, limit=0) == (Header(), [])
    assert state.claim("v") == Header(epoch=1)
    note = {"skip": ["a"], "watermarks": {"0": "2024-01-01T00:00:00"}, "stopped": {"error": None}, "ä": [1.5, True]}
    state.put("v", 1, (), {"0": 5}, note)
    state.put("v", 1, [Kept("a", b"1", "1", 9)], {"0": 5, "1": 9})
    assert state.claim("v") == Header(2, 2, {"0": 5, "1": 9}, note)
    state.put("v", 2, (), {"0": 6, "1": 9}, {})
    assert state.watch("v", 0, limit=0) == (Header(2, 3, {"0": 6, "1": 9}, {}), [])
    assert state.claim("other") == Header(epoch=1)
    state.close()


def a_claim_fences_off_who_was_before(make_state: MakeState) -> None:
    """A put of an earlier epoch, or of none, changes nothing and says so; the new owner's goes through."""
    state, other = make_state(), make_state()
    first = state.claim("v").epoch
    state.put("v", first, [Kept("a", b"1", "0", 1)], {"0": 1}, {"n": 1})
    second = other.claim("v").epoch
    assert second > first
    before = state.watch("v", 0)
    _fenced(lambda: state.put("v", first, [Kept("a", b"2", "0", 2)], {"0": 2}, {"n": 2}, [("a", "")]))
    _fenced(lambda: state.put("v", first, (), {"0": 2}))
    _fenced(lambda: state.put("unclaimed", 0, (), {}))
    assert state.watch("v", 0) == before
    other.put("v", second, [Kept("a", b"3", "0", 2)], {"0": 2})
    assert state.get("v", [("a", "")])["a", ""].value == b"3"
    state.close()
    other.close()


def states_are_scanned_in_order(make_state: MakeState) -> None:
    """By (key, window), page by page, of one key too, and without what was dropped."""
    state = make_state()
    epoch = state.claim("v").epoch
    every = [Kept(key, b"1", "0", 1, window) for key in ("", "B", "a", "ab", "b", "ä") for window in ("", "1", "2")]
    state.put("v", epoch, every[::-1], {"0": 1}, dropped=[("absent", "")])
    for limit in (1, 4, 18, 100):
        assert _pages(state, limit) == every
    assert state.scan("v", limit=4) == every[:4]
    assert state.scan("v", key="a") == [each for each in every if each.key == "a"]
    assert state.scan("v", ("a", ""), key="a") == [each for each in every if each.key == "a" and each.window]
    assert state.scan("v", ("a", "2"), limit=1) == every[9:10]
    state.put("v", epoch, (), {"0": 2}, dropped=[("", ""), ("b", "2")])
    assert _pages(state, 4) == [each for each in every if (each.key, each.window) not in {("", ""), ("b", "2")}]
    assert state.scan("nothing") == []
    state.close()


def watching_misses_nothing(make_state: MakeState) -> None:
    """Whole versions in order, each state once with its latest value; drops are told, and what came again too."""
    state = make_state()
    epoch = state.claim("v").epoch
    a, b, c = (Kept(key, b"1", "0", 1) for key in "abc")
    state.put("v", epoch, [a, b, c], {"0": 1})
    state.put("v", epoch, [newer := a._replace(value=b"2", position=2)], {"0": 2})
    state.put("v", epoch, (), {"0": 3}, dropped=[("c", "")])
    assert state.watch("v", 1) == (state.watch("v", 0, limit=0)[0], [(2, newer), (3, ("c", ""))])
    assert state.watch("v", 0)[1][:2] == [(1, b), (2, newer)]
    assert state.watch("v", 2)[1] == [(3, ("c", ""))]
    assert state.watch("v", 3)[1] == []
    assert state.watch("v", 99)[1] == []
    state.put("v", epoch, [c], {"0": 4})
    assert state.watch("v", 2)[1] == [(4, c)]
    header, changes = state.watch("v", 0)
    assert header.version == 4
    assert changes == [(1, b), (2, newer), (4, c)]
    state.close()


def watching_pages_by_whole_versions(make_state: MakeState) -> None:
    """A page ends with a version, even where that alone is longer than the limit."""
    state = make_state()
    epoch = state.claim("v").epoch
    for version, count in enumerate((3, 1, 1, 5, 2), start=1):
        kept = [Kept(f"{version}-{number}", b"1", "0", version) for number in range(count)]
        state.put("v", epoch, kept, {"0": version})
    sizes = {1: [3, 1, 1, 5, 2], 2: [3, 2, 5, 2], 4: [4, 1, 5, 2], 5: [5, 5, 2], 7: [5, 7], 12: [12], 1000: [12]}
    for limit, pages in sizes.items():
        since, seen = 0, []
        while changes := state.watch("v", since, limit)[1]:
            seen.append(len(changes))
            assert changes[0][0] > since
            since = changes[-1][0]
        assert seen == pages, (limit, seen)
    state.close()


def a_view_is_replaced_at_once(make_state: MakeState) -> None:
    """States, offsets and note become the other's, whose own are gone; watchers learn of each difference."""
    state = make_state()
    live, shadow = state.claim("v").epoch, state.claim("shadow").epoch
    seen: dict[tuple[str, str], Kept] = {}
    state.put("v", live, [Kept(key, b"1", "0", 1) for key in "abc"], {"0": 1}, {"n": 1})
    since = _follow(state, seen, 0)
    fresh = [Kept(key, b"2", "0", 2) for key in "bcd"]
    state.put("shadow", shadow, [*fresh, Kept("e", b"2", "0", 2)], {"0": 2})
    state.put("shadow", shadow, (), {"0": 3}, {"n": 2}, [("e", "")])
    state.replace("v", "shadow")
    header = state.watch("v", 0, limit=0)[0]
    assert (header.offsets, header.note) == ({"0": 3}, {"n": 2})
    assert header.epoch > live
    assert _pages(state, 2) == fresh
    since = _follow(state, seen, since)
    assert list(seen.values()) == fresh
    assert state.scan("shadow") == []
    assert state.watch("shadow", 0, limit=0)[0].offsets == {}
    _fenced(lambda: state.put("v", live, (), {"0": 9}))
    _fenced(lambda: state.put("shadow", shadow, (), {"0": 9}))
    again = state.claim("v").epoch
    state.put("v", again, [Kept("z", b"3", "0", 4)], {"0": 4})
    _follow(state, seen, since)
    assert list(seen.values()) == _pages(state, 10)
    state.close()


def a_view_is_replaced_under_a_worker_that_claims_it_back(make_state: MakeState) -> None:
    """Who runs is fenced off by a replacement, and claims again at once: that is in the way of none."""
    state = make_state()
    over = threading.Event()

    def claim_back() -> None:
        while not over.wait(0.25):  # as soon as a worker does
            state.claim("v")

    epoch = state.claim("v").epoch
    state.put("v", epoch, [Kept(f"old-{n}", b"1", "0", 1) for n in range(120)], {"0": 1})
    running = threading.Thread(target=claim_back)
    running.start()
    try:
        for turn in range(3):
            shadow = state.claim("shadow").epoch
            state.put("shadow", shadow, [Kept(f"new-{turn}", b"2", "0", 2)], {"0": 2})
            state.replace("v", "shadow")
    finally:
        over.set()
        running.join()
    assert [each.key for each in state.scan("v")] == ["new-2"]
    state.close()


def a_view_is_removed(make_state: MakeState) -> None:
    """States, offsets and note are gone, an owner of before is fenced off, watchers are told; it may begin again."""
    state = make_state()
    epoch = state.claim("v").epoch
    state.put("v", epoch, [Kept("a", b"1", "0", 1), Kept("b", b"1", "0", 2)], {"0": 2}, {"n": 1})
    seen: dict[tuple[str, str], Kept] = {}
    since = _follow(state, seen, 0)
    state.replace("v", None)
    assert (state.scan("v"), state.get("v", [("a", "")])) == ([], {})
    _fenced(lambda: state.put("v", epoch, (), {"0": 3}))
    header = state.claim("v")
    assert header.epoch > epoch
    assert (header.offsets, header.note) == ({}, {})
    state.put("v", header.epoch, [Kept("b", b"2", "0", 1)], {"0": 1})
    _follow(state, seen, since)
    assert list(seen.values()) == [Kept("b", b"2", "0", 1)]
    state.replace("nothing", None)
    state.close()


def a_store_opens_again_as_it_was(make_state: MakeState) -> None:
    """What a put put stands after closing, which may be repeated, and opening again; the fence stands too."""
    state = make_state()
    epoch = state.claim("v").epoch
    state.put("v", epoch, [Kept("a", b"1", "0", 1), Kept("b", b"1", "0", 2)], {"0": 2}, {"n": 1}, [("c", "")])
    before = state.watch("v", 0)
    state.close()
    state.close()
    state = make_state()
    assert state.watch("v", 0) == before
    state.put("v", epoch, (), {"0": 3})
    assert state.claim("v").epoch == epoch + 1
    state.close()


def hostile_names_are_only_names(make_state: MakeState) -> None:
    """Views, keys, windows, partitions: any text that is not longer than a store's keys may be."""
    state = make_state()
    for name in HOSTILE:
        kept = [Kept(key, b"{}", name, 1, name) for key in sorted(HOSTILE)]
        state.put(name, state.claim(name).epoch, kept, {name: 1}, {name: name})
    for name in HOSTILE:
        assert state.scan(name) == [Kept(key, b"{}", name, 1, name) for key in sorted(HOSTILE)]
        assert len(state.get(name, [(key, name) for key in HOSTILE])) == len(HOSTILE)
        assert state.watch(name, 0, limit=0)[0] == Header(1, 1, {name: 1}, {name: name})
    state.close()


def threads_of_one_object_work_side_by_side(make_state: MakeState) -> None:
    """A view a thread: every put stands, and none waits for ever."""
    state = make_state()
    failed: list[BaseException] = []

    def work(view: str) -> None:
        try:
            _count(state, view, 25)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"v{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [state.scan(f"v{number}")[0].value for number in range(4)] == [b"25"] * 4
    state.close()


def other_processes_read_what_was_put(make_state: MakeState) -> None:
    """While one process puts, two others watch: versions whole, and none missed; then what they saw is all there is."""
    context = multiprocessing.get_context("spawn")
    ready, told = context.SimpleQueue(), context.SimpleQueue()
    done = context.Event()
    watchers = [context.Process(target=_watch, args=(make_state, ready, told, done)) for _ in range(2)]
    for each in watchers:
        each.start()
    state = make_state()
    epoch = state.claim("v").epoch
    for _ in watchers:
        ready.get()
    for version in range(1, 201):
        # Two states that always agree: who sees a version in half sees them differ.
        pair = [Kept(key, b"%d" % version, "0", version) for key in ("left", "right")]
        state.put("v", epoch, [*pair, Kept(f"k{version}", b"1", "0", version)], {"0": version})
    done.set()
    for _ in watchers:
        problem, seen = told.get()
        assert problem == ""
        assert seen == _pages(state, 1000)
    for each in watchers:
        each.join()
    state.close()


STATE_EXERCISES: tuple[Callable[[MakeState], None], ...] = (
    states_come_back_as_they_were_put,
    the_header_counts_and_keeps,
    a_claim_fences_off_who_was_before,
    states_are_scanned_in_order,
    watching_misses_nothing,
    watching_pages_by_whole_versions,
    a_view_is_replaced_at_once,
    a_view_is_replaced_under_a_worker_that_claims_it_back,
    a_view_is_removed,
    a_store_opens_again_as_it_was,
    hostile_names_are_only_names,
    threads_of_one_object_work_side_by_side,
    other_processes_read_what_was_put,
)


def _fenced(work: Callable[[], object]) -> None:
    try:
        work()
    except StateError as error:
        if error.fenced:
            return
        raise
    raise AssertionError("a StateError that says `fenced` was due")


def _pages(state: State, limit: int) -> list[Kept]:
    found = state.scan("v", limit=limit)
    page: Sequence[Kept] = found
    while page:
        page = state.scan("v", (found[-1].key, found[-1].window), limit)
        assert len(page) <= limit
        found += page
    return found


def _follow(state: State, seen: dict[tuple[str, str], Kept], since: int) -> int:
    """Bring a watcher's picture up to date; answer up to which version it has seen."""
    while changes := state.watch("v", since, limit=100)[1]:
        since = changes[-1][0]
        for _, change in changes:
            if isinstance(change, Kept):
                seen[change.key, change.window] = change
            else:
                seen.pop(change, None)
    ordered = sorted(seen.items())
    seen.clear()
    seen.update(ordered)
    return since


def _count(state: State, view: str, times: int) -> None:
    epoch = state.claim(view).epoch
    for number in range(1, times + 1):
        kept = state.get(view, [("n", "")]).get(("n", ""), Kept("n", b"0", "0", 0))
        state.put(view, epoch, [kept._replace(value=b"%d" % (int(kept.value) + 1), position=number)], {"0": number})


def _watch(
    make_state: MakeState, ready: SimpleQueue[str], told: SimpleQueue[tuple[str, list[Kept]]], done: Event
) -> None:
    state = make_state()
    seen: dict[tuple[str, str], Kept] = {}
    since, problem = 0, ""
    ready.put("")
    while True:
        last = done.is_set()
        since = _follow(state, seen, since)
        left, right = seen.get(("left", "")), seen.get(("right", ""))
        if (left and left.value) != (right and right.value):
            problem = f"left is {left}, right is {right}"
        if last:
            break
    told.put((problem, list(seen.values())))
    state.close()
