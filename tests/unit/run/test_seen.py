"""A live view over a log that remembers no ids folds each record once."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec
import pytest
from kernel.listlog import ListLog

from asterism.adapters.sqlite.state import SqliteState
from asterism.declare.record import Record
from asterism.declare.stream import Stream
from asterism.declare.view import View
from asterism.errors import StateError, ViewError
from asterism.ports.log import Entry, Logged
from asterism.run.records import Shape, landed
from asterism.run.refold import rebuild
from asterism.run.seen import Seen
from asterism.run.view import ViewWorker


class Sale(Record):
    shop: str
    pieces: int


class Sold(Record):
    pieces: int = 0


def sell(state: Sold, sale: Sale) -> Sold:
    if sale.pieces == 13:
        raise ValueError("thirteen")
    return Sold(pieces=state.pieces + sale.pieces)


SALES = Stream("sales", Sale, key="shop")
VIEW = View("sold", SALES, sell, Sold, "shop")
HOUR = timedelta(hours=1)


@pytest.fixture
def log():
    return ListLog(dedupes=False)


@pytest.fixture
def state(tmp_path):
    return SqliteState(tmp_path / "views.db")


def entries(count):
    sales = [Sale(shop=f"s{number % 5}", pieces=number) for number in range(count)]
    return [Entry(f"r{number}", sale.shop, msgspec.json.encode(sale)) for number, sale in enumerate(sales)]


def read(state, name="sold"):
    return {each.key: msgspec.json.decode(each.value)["pieces"] for each in state.scan(name)}


def sums(count):
    return {
        f"s{shop}": sum(number for number in range(count) if number % 5 == shop and number != 13) for shop in range(5)
    }


def work(log, state):
    worker = ViewWorker(VIEW, Shape(SALES), log, state)
    while worker.step(0.0):
        pass
    return worker


def test_every_record_twice_and_in_another_order_changes_nothing(log, state):
    wanted = [each for each in entries(200) if each.id != "r13"]
    log.append("sales", wanted, HOUR)
    work(log, state)
    assert read(state) == sums(200)
    again = random.Random(1).sample(wanted * 2, k=2 * len(wanted))
    log.append("sales", again[:150], HOUR)
    work(log, state)
    log.append("sales", again[150:], HOUR)
    worker = work(log, state)
    assert read(state) == sums(200)
    assert worker.step(0.0) == 0  # what came again was passed, and is not read for ever


def test_a_record_that_the_fold_refused_is_folded_when_it_is_tried_again(log, state):
    log.append("sales", entries(20), HOUR)
    worker = ViewWorker(VIEW, Shape(SALES), log, state)
    worker.claim()
    records = log.read("sales", "c", {}, 100)
    with pytest.raises(ViewError, match="stands still at record r13"):
        worker.take(records)
    forgiving = View("sold", SALES, lambda state, sale: Sold(pieces=state.pieces + sale.pieces), Sold, "shop")
    worker = ViewWorker(forgiving, Shape(SALES), log, state)
    while worker.step(0.0):
        pass
    assert sum(read(state).values()) == sum(range(20))


def test_states_that_were_lost_after_the_ids_were_noted_are_made_anew(log, state, tmp_path):
    class Dying(SqliteState):
        def put(self, view, *given, **named):
            if view == "sold":
                raise StateError("the disk", "is full")
            super().put(view, *given, **named)

    log.append("sales", entries(12), HOUR)
    dying = Dying(tmp_path / "views.db")
    state.claim("sold")
    with pytest.raises(StateError, match="full"):
        ViewWorker(VIEW, Shape(SALES), log, dying).take(log.read("sales", "c", {}, 100))
    work(log, state)
    assert read(state) == sums(12)


def test_a_rebuild_knows_what_came_again_and_the_view_goes_on_with_it(log, state):
    log.append("sales", entries(12), HOUR)
    worker = work(log, state)
    log.append("sales", entries(12), HOUR)
    lines = landed(log.read("sales", "c", {}, 100))
    assert rebuild(VIEW, Shape(SALES), [lines], log, state) > 0
    log.append("sales", entries(12)[::-1], HOUR)
    with pytest.raises(StateError, match="taken it over"):  # the rebuild fenced it off
        worker.step(0.0)
    while worker.step(0.0):
        pass
    assert read(state) == sums(12)


def test_ids_are_let_go_of_period_by_period(state):
    seen = Seen("v", timedelta(microseconds=100), state)

    def came(at, identifier="a"):
        return Logged("0", 1, identifier, "k", at, b"1")

    def held():
        return {period: len(state.scan(f"{seen.note['in']}/{period}")) for period in (2, 3, 5)}

    seen.keep([came(250), came(340, "b")])
    assert seen.again([came(250), came(360), came(370, "c"), came(380, "c")]) == {0, 1, 3}
    assert held() == {2: 1, 3: 1, 5: 0}
    seen.keep([came(560, "c")])
    assert held() == {2: 0, 3: 0, 5: 1}
    assert seen.again([came(560)]) == frozenset()


def test_ids_that_no_note_speaks_of_do_not_count(state):
    seen = Seen("v", timedelta(hours=1), state)
    records = [Logged("0", 1, name, "k", 250, b"1") for name in "abc"]
    seen.keep(records[:1])
    note = {"seen": seen.note}
    seen.keep(records[1:])
    seen.claim(note)
    assert seen.again(records) == {0}
    seen.keep(records[2:])
    seen.claim({"seen": seen.note})
    assert seen.again(records) == {0, 2}
