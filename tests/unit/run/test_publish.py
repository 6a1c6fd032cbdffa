"""Publishing: what stands in the other database is what stands in the warehouse, with keys and comments, always."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Database
from unit.run.publishing import Edition, Press

from asterism.adapters.postgres.engine import PostgresEngine
from asterism.errors import EngineError
from asterism.run.rebuild import empty, rebuild, refresh
from asterism.run.replica import Replica
from asterism.run.session import Session


@pytest.fixture
def press(make_database: Callable[[], Database], tmp_path: Path) -> Iterator[Press]:
    made = Press(make_database(), tmp_path)
    made.pull()
    yield made
    made.close()


@pytest.fixture
def edition(press: Press, make_database: Callable[[], Database]) -> Iterator[Edition]:
    made = press.to(make_database())
    made.publish()
    yield made
    made.engine.close()


def test_a_first_publication_brings_every_table_whole(edition: Edition) -> None:
    assert edition.differences() == {}
    assert edition.rows("select count(*) from analysis.fact_order") == [(60,)]


def test_only_what_changed_is_sent(edition: Edition) -> None:
    edition.press.pull("update orders set amount = 7 where id = 3")
    done = edition.publish()
    assert {each.table: (each.removed, each.added, each.how) for each in done.tables} == {
        "analysis.fact_order": (1, 2, "followed"),
        "analysis.per_staff": (1, 1, "followed"),
    }
    assert edition.differences() == {}
    assert edition.publish().tables == ()
