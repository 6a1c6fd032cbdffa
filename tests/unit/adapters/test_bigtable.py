"""Live views in Bigtable, where it has no transactions: workers that die half-way, late writers, long absences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

import pytest

from asterism.adapters.gcp.state import BigtableState
from asterism.adapters.gcp.table import Table
from asterism.errors import StateError, UsageError
from asterism.ports.state import Kept


class Dying(Table):
    """A connection that is lost before a write that is told so."""

    is_lost = False

    def mutate(self, entries: Iterable[tuple[bytes, Sequence[Any]]]) -> None:
        if self.is_lost:
            raise StateError(self.name, "the connection was lost")
        super().mutate(entries)


@pytest.fixture
def uri(bigtable: str) -> str:
    return f"bigtable://project/instance/t{uuid4().hex}"


def kept(key: str, value: bytes = b"1", position: int = 1) -> Kept:
    return Kept(key, value, "0", position)


def test_what_a_worker_committed_before_it_died_is_finished_by_the_next(uri: str) -> None:
    tables: list[Dying] = []

    def opened(*arguments: Any, **named: Any) -> Dying:
        tables.append(Dying(*arguments, **named))
        return tables[-1]

    first = BigtableState(uri, opened=opened)
    epoch = first.claim("v").epoch
    first.put("v", epoch, [kept("a"), kept("b")], {"0": 1})
    tables[0].is_lost = True
    with pytest.raises(StateError, match="lost"):
        first.put("v", epoch, [kept("a", b"2", 2)], {"0": 2}, {"n": 1}, [("b", "")])
    second = BigtableState(uri)
    assert second.watch("v", 1)[1] == [(2, kept("a", b"2", 2)), (2, ("b", ""))]
    header = second.claim("v")
    assert (header.version, header.offsets, header.note) == (2, {"0": 2}, {"n": 1})
    assert second.scan("v") == [kept("a", b"2", 2)]
    for each in (first, second):
        each.close()


def test_a_writer_that_comes_late_changes_nothing_that_is_newer(uri: str) -> None:
    held: list[tuple[bytes, Sequence[Any]]] = []

    class Slow(Table):
        is_slow = False

        def mutate(self, entries: Iterable[tuple[bytes, Sequence[Any]]]) -> None:
            if self.is_slow:
                held.extend(entries)
            else:
                super().mutate(entries)

    tables: list[Slow] = []

    def opened(*arguments: Any, **named: Any) -> Slow:
        tables.append(Slow(*arguments, **named))
        return tables[-1]

    first, second = BigtableState(uri, opened=opened), BigtableState(uri)
    epoch = first.claim("v").epoch
    tables[0].is_slow = True
    first.put("v", epoch, [kept("a", b"1"), kept("b", b"1")], {"0": 1})
    later = second.claim("v").epoch
    second.put("v", later, [kept("a", b"2", 2)], {"0": 2}, dropped=[("b", "")])
    tables[0].is_slow = False
    tables[0].mutate(held)
    assert second.scan("v") == [kept("a", b"2", 2)]
    assert held


def test_who_was_away_for_longer_than_the_views_row_tells_misses_nothing(uri: str) -> None:
    state = BigtableState(uri)
    epoch = state.claim("v").epoch
    state.put("v", epoch, [kept("first"), kept("gone")], {"0": 1})
    for number in range(2, 40):
        state.put("v", epoch, [kept("a", b"%d" % number, number)], {"0": number})
    state.put("v", epoch, (), {"0": 40}, dropped=[("gone", "")])
    assert state.watch("v", 0)[1] == [(1, kept("first")), (39, kept("a", b"39", 39))]
    assert state.watch("v", 1)[1] == [(39, kept("a", b"39", 39)), (40, ("gone", ""))]
    assert state.watch("v", 39)[1] == [(40, ("gone", ""))]
    state.close()


def test_a_drop_is_forgotten_when_its_time_is_over_and_what_came_again_stays(uri: str) -> None:
    state = BigtableState(uri, remembered=0.0)
    epoch = state.claim("v").epoch
    state.put("v", epoch, [kept("a"), kept("b")], {"0": 1})
    state.put("v", epoch, (), {"0": 2}, dropped=[("a", ""), ("b", "")])
    state.put("v", epoch, [kept("b", b"2", 3)], {"0": 3})
    header = state.claim("v")
    assert state.scan("v") == [kept("b", b"2", 3)]
    assert header.version == 3
    table = Table("project", "instance", uri.rpartition("/")[2], {})
    from asterism.adapters.gcp import table as filters

    keys = [row.key for row in table.rows(prefix=b"s", chosen=filters.keys_only())]
    assert not [key for key in keys if b"\0\0a\0\0" in key]
    assert len(keys) == 1


def test_a_view_that_is_replaced_leaves_no_rows_behind(uri: str) -> None:
    state = BigtableState(uri, remembered=0.0)
    epoch = state.claim("v").epoch
    state.put("v", epoch, [kept(f"k{number}") for number in range(30)], {"0": 1})
    state.replace("v", None)
    state.claim("v")
    table = Table("project", "instance", uri.rpartition("/")[2], {})
    from asterism.adapters.gcp import table as filters

    assert table.rows(prefix=b"s", chosen=filters.keys_only()) == []
    large = "x" * 300_000
    state.put("v", state.claim("v").epoch, [kept("big", f'"{large}"'.encode())], {"0": 2})
    assert state.get("v", [("big", "")])["big", ""].value == f'"{large}"'.encode()


def test_an_address_that_is_none_says_how_one_looks() -> None:
    with pytest.raises(UsageError, match="bigtable://project/instance/table"):
        BigtableState("bigtable://project/instance")
